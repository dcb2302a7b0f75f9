"""A step of a later task written plainly in torch, as a script has it; imports nothing of regard.

    python _lifelong_plain.py FOLDER NETWORK METHOD VIEWS STEPS

FOLDER holds the task's images and the memory's as they are in memory (uint8), the order of rows, and the first weights.
METHOD is finetune, replay (both batches in one pass) or lwf (the old network sees what the new one sees). VIEWS:
`photo`, each image through torchvision's v2 transforms in a DataLoader, inside the time; or `none`, float batches that
are ready before the clock starts: network, loss and optimiser alone. Each line on standard input asks for STEPS steps;
what they took, on the clock and of the processors, and their mean loss come out as JSON. Full precision, one thread,
images in torch's own memory layout, AdamW with torch's defaults.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

LR, FACTOR, DECAY, TEMPERATURE = 2e-3, 0.1, 1e-2, 2.0


class ConvNet4(nn.Module):
    """Four convolutions with batch normalisation, 128 features."""

    def __init__(self) -> None:
        super().__init__()
        blocks, before = [], 3
        for channels, stride in ((32, 2), (64, 2), (128, 2), (128, 1)):
            convolution = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
            blocks.append(nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)))
            before = channels
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x):
        """(N, 3, H, W) to (N, 128)."""
        return self.blocks(x).mean((2, 3))


def network(name):
    """ConvNet-4, or a network of torchvision without its classifier."""
    if name == "convnet4":
        return ConvNet4()
    made = getattr(torchvision.models, name)()
    made.fc = nn.Identity()
    return made


class Pictures(Dataset):
    """Images that are in memory, each changed when it is asked for."""

    def __init__(self, images, labels, transform) -> None:
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row):
        """A view and the label."""
        return self.transform(self.images[row]), self.labels[row]


def transforms(size, mean, std):
    """SimCLR's views for small photographs, as its users write them (no blur)."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(0.4, 1.0), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(0.2),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(mean, std),
        ]
    )


def loaded(data, part) -> Iterator:
    """Batches of views."""
    size, mean, std = data["task"].shape[-1], data["mean"].tolist(), data["std"].tolist()
    pictures = Pictures(data[part], data[f"{part}_labels"], transforms(size, mean, std))
    rows = data[f"{part}_rows"]
    return iter(DataLoader(pictures, rows.shape[1], sampler=rows.flatten().tolist()))


def ready(data, part, steps) -> list:
    """Normalised float batches of these steps."""
    mean, std = data["mean"].view(1, 3, 1, 1), data["std"].view(1, 3, 1, 1)
    rows = [data[f"{part}_rows"][step] for step in steps]
    return [((data[part][row].float() / 255 - mean) / std, data[f"{part}_labels"][row]) for row in rows]


def main() -> None:
    """Take steps as often as asked."""
    folder, name, method, views, steps = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
    torch.set_num_threads(1)
    data, start = load_file(folder / "data.safetensors"), load_file(folder / "start.safetensors")

    def learned(prefix):
        net, classes = network(name), nn.Linear(*reversed(start[f"{prefix}classes.weight"].shape))
        for module, kind in ((net, "encoder."), (classes, "classes.")):
            at = prefix + kind
            module.load_state_dict({key[len(at) :]: one for key, one in start.items() if key.startswith(at)})
        return net, classes

    net, classes = learned("")
    net.train()
    if method == "lwf":
        old_net, old_classes = learned("old.")
        old_net.eval()
        known = old_classes.out_features
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in net.parameters() if p.ndim > 1], "lr": LR * FACTOR, "weight_decay": DECAY},
            {"params": [p for p in net.parameters() if p.ndim < 2], "lr": LR * FACTOR, "weight_decay": 0.0},
            {"params": [classes.weight], "lr": LR, "weight_decay": DECAY},
            {"params": [classes.bias], "lr": LR, "weight_decay": 0.0},
        ]
    )
    parts = [part for part in ("task", "memory") if part in data]
    loaders = [loaded(data, part) for part in parts] if views == "photo" else []
    step = 0
    for _ in sys.stdin:
        if views == "none":
            loaders = [iter(ready(data, part, range(step, step + steps))) for part in parts]
        wall, processor, losses = time.perf_counter(), time.process_time(), []
        for _ in range(steps):
            x, y = next(loaders[0])
            n = len(x)
            if len(loaders) > 1:
                more, labels = next(loaders[1])
                x = torch.cat([x, more])
            logits = classes(net(x))
            if method == "lwf":
                with torch.no_grad():
                    before = log_softmax(old_classes(old_net(x)) / TEMPERATURE, 1)
                now = log_softmax(logits[:, :known] / TEMPERATURE, 1)
                loss = cross_entropy(logits[:, known:], y - known)
                loss = loss + kl_div(now, before, reduction="batchmean", log_target=True)
            else:
                loss = cross_entropy(logits[:n], y)
            if len(loaders) > 1:
                loss = loss + cross_entropy(logits[n:], labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        step += steps
        spent = time.perf_counter() - wall, time.process_time() - processor
        print(json.dumps([*spent, sum(losses) / steps]), flush=True)


if __name__ == "__main__":
    main()
