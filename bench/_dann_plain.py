"""DANN's step written plainly in torch, as a script has it; imports nothing of regard and runs in a process of its own.

    python _dann_plain.py FOLDER NETWORK BATCH STEPS LENGTH THREADS

FOLDER holds the images of both domains as they are in memory, the order of rows, and the first weights. Each line on
standard input asks for STEPS steps; what they took, on the clock and of the processors, and their mean loss come out as
JSON. Full precision, images as they come from numpy, both domains in one batch, AdamW with torch's defaults.
"""

import json
import math
import sys
import time
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

LR, FACTOR, DECAY = 2e-3, 0.1, 1e-2


class Reversal(torch.autograd.Function):
    """The same forward; backward the gradient turned round."""

    @staticmethod
    def forward(ctx, x, share):
        """As it is."""
        ctx.share = share
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        """Turned round."""
        return -ctx.share * gradient, None


def main() -> None:
    """Take steps as often as asked."""
    folder, network, (batch, steps, length, threads) = Path(sys.argv[1]), sys.argv[2], map(int, sys.argv[3:7])
    torch.set_num_threads(threads)
    data, start = load_file(folder / "data.safetensors"), load_file(folder / "start.safetensors")
    net = timm.create_model(network, num_classes=0)
    net.load_state_dict({k.removeprefix("net."): v for k, v in start.items() if k.startswith("net.")})
    classes = nn.Linear(*reversed(start["classes.weight"].shape))
    classes.load_state_dict({k.removeprefix("classes."): v for k, v in start.items() if k.startswith("classes.")})
    hidden, features = start["parts.0.weight"].shape
    domain = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 1))
    domain.load_state_dict({k.removeprefix("parts."): v for k, v in start.items() if k.startswith("parts.")})
    mean, std = data["mean"].view(1, 3, 1, 1), data["std"].view(1, 3, 1, 1)
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in net.parameters() if p.ndim > 1], "lr": LR * FACTOR, "weight_decay": DECAY},
            {"params": [p for p in net.parameters() if p.ndim < 2], "lr": LR * FACTOR, "weight_decay": 0.0},
            {"params": [classes.weight, domain[0].weight, domain[2].weight], "lr": LR, "weight_decay": DECAY},
            {"params": [classes.bias, domain[0].bias, domain[2].bias], "lr": LR, "weight_decay": 0.0},
        ]
    )
    net.train()
    step = 0
    for _ in sys.stdin:
        wall, processor, losses = time.perf_counter(), time.process_time(), []
        for _ in range(steps):
            source, target = data["source_rows"][step], data["target_rows"][step]
            x = torch.cat([data["source"][source], data["target"][target]]).float() / 255
            z = net((x - mean) / std)
            share = 2 / (1 + math.exp(-10 * step / length)) - 1
            told = domain(Reversal.apply(z, share))[:, 0]
            is_source = torch.cat([torch.ones(batch), torch.zeros(batch)])
            loss = cross_entropy(classes(z[:batch]), data["labels"][source])
            loss = loss + binary_cross_entropy_with_logits(told, is_source)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            step += 1
        spent = time.perf_counter() - wall, time.process_time() - processor
        print(json.dumps([*spent, sum(losses) / steps]), flush=True)


if __name__ == "__main__":
    main()
