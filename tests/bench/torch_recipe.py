#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The recipe of a configuration in PyTorch: a line with the test error after every epoch.

    torch_recipe.py CONFIG --data DIR --seed N

It knows what configs/fast-98.ini uses: ReLU layers with He weights, Nesterov momentum, L2, the
cosine schedule with warm-up, and affine distortions.  One process computes on all cores.
"""
import argparse
import configparser
import math
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mlp import read_idx


def load(folder, part):
    """Returns images (count, 1, rows, columns) in [0, 1] and labels."""
    images = read_idx(os.path.join(folder, f"{part}-images-idx3-ubyte"))
    labels = read_idx(os.path.join(folder, f"{part}-labels-idx1-ubyte"))
    x = torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1)
    return x, torch.from_numpy(labels.astype(np.int64))


def network(widths, classes):
    layers = []
    for i, o in zip(widths, widths[1:] + [classes]):
        linear = nn.Linear(i, o)
        bound = math.sqrt(6 / i)
        nn.init.uniform_(linear.weight, -bound, bound)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


def distort(x, augment):
    """Returns the images, each rotated, sheared, scaled and shifted by a random amount."""
    count, pixels = len(x), x.shape[-1]

    def uniform(limit):
        return (2 * torch.rand(count) - 1) * limit

    angle = uniform(math.radians(augment.getfloat("rotation")))
    shear = uniform(augment.getfloat("shear"))
    wide, high = (1 + uniform(augment.getfloat("scale")) for _ in range(2))
    shift = [uniform(augment.getfloat("shift")) * 2 / pixels for _ in range(2)]
    sine, cosine = torch.sin(angle), torch.cos(angle)
    rows = [torch.stack([cosine / wide, shear - sine, shift[0]], 1),
            torch.stack([sine, cosine / high, shift[1]], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("--data", required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    config = configparser.ConfigParser(inline_comment_prefixes=";")
    config.read(options.config)
    rate = config.getfloat("optimizer", "learning_rate")
    warmup = config.getfloat("optimizer", "warmup_epochs", fallback=0)
    epochs, batch = config.getint("train", "epochs"), config.getint("train", "batch")
    torch.manual_seed(options.seed)
    torch.set_num_threads(len(os.sched_getaffinity(0)))

    x, y = load(options.data, "train")
    test_x, test_y = load(options.data, "t10k")
    widths = [x[0].numel()] + [int(w) for w in config["model"]["hidden"].split(",")]
    model = network(widths, 10)
    weights = [p for p in model.parameters() if p.dim() > 1]
    biases = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.SGD(
        [{"params": weights, "weight_decay": config.getfloat("optimizer", "l2", fallback=0)},
         {"params": biases}], lr=rate, momentum=config.getfloat("optimizer", "momentum"),
        nesterov=config["optimizer"].get("momentum_kind") == "nesterov")
    loss_of = nn.CrossEntropyLoss()
    steps = math.ceil(len(x) / batch)

    for epoch in range(epochs):
        for step, samples in enumerate(torch.randperm(len(x)).split(batch)):
            position = epoch + step / steps
            factor = (1 + math.cos(math.pi * position / epochs)) / 2
            if position < warmup:
                factor *= (position + 1 / steps) / warmup
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.zero_grad(set_to_none=True)
            shown = x[samples]
            if config.has_section("augment"):
                shown = distort(shown, config["augment"])
            loss_of(model(shown), y[samples]).backward()
            optimizer.step()
        with torch.no_grad():
            wrong = (model(test_x).argmax(1) != test_y).float().mean().item()
        print(f"epoch {epoch + 1}/{epochs}  test error {100 * wrong:.2f} %", flush=True)


main()
