"""SimCLR as lightly's documentation shows it, timed; runs in an environment of its own and imports nothing of regard.

    bench-lightly/bin/python _lightly_simclr.py FOLDER SIZE BATCH STEPS WORKERS      prints seconds a step as JSON

ResNet-18 of torchvision, lightly's dataset, transform, projection head and loss, a DataLoader with worker processes,
SGD: the pieces of its example for CIFAR-10 (without blur, as ours for small images) at its own settings, but for size,
batch and workers, which are given. The first steps are not counted.
"""

import json
import sys
import time

import torch
import torchvision
from lightly.data import LightlyDataset
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform

WARM = 3


def main() -> None:
    """Train some steps; print the mean seconds of one."""
    folder, (size, batch, steps, workers) = sys.argv[1], map(int, sys.argv[2:6])
    network = torchvision.models.resnet18()
    backbone = torch.nn.Sequential(*list(network.children())[:-1])
    head = SimCLRProjectionHead(512, 512, 128)
    dataset = LightlyDataset(folder, transform=SimCLRTransform(input_size=size, gaussian_blur=0.0))
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=batch, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )
    criterion = NTXentLoss()
    optimiser = torch.optim.SGD([*backbone.parameters(), *head.parameters()], lr=0.06)
    done, start = 0, 0.0
    while True:
        for views in loader:
            if done == WARM:
                start = time.perf_counter()
            if done == WARM + steps:
                print(json.dumps((time.perf_counter() - start) / steps))
                return
            z0, z1 = (head(backbone(x).flatten(start_dim=1)) for x in views[0])
            loss = criterion(z0, z1)
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            done += 1


if __name__ == "__main__":
    main()
