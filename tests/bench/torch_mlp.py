#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The same training in PyTorch: images/s of the training loop, on one line.

    torch_mlp.py --data DIR --hidden 1024,1024 --batch 256 --epochs 3        one process, all cores
    torchrun --nproc-per-node 2 torch_mlp.py ... --ddp     one process a rank, gloo

The data lies in memory as float rows; the loop does what a careful user would write.  With
--ddp each process takes its part of every global batch.  --bf16 runs under autocast,
--compile with torch.compile.
"""
import os
import time

import torch
import torch.distributed as dist
from torch import nn

from mlp import parse, training_set


def main():
    options = parse("--ddp", "--bf16", "--compile")

    cores = len(os.sched_getaffinity(0))
    rank, size = 0, 1
    if options.ddp:
        dist.init_process_group("gloo")
        rank, size = dist.get_rank(), dist.get_world_size()
    torch.set_num_threads(max(1, cores // size))
    torch.manual_seed(1)

    x, y = map(torch.from_numpy, training_set(options.data))
    activation = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}[options.activation]
    widths = [x.shape[1]] + [int(w) for w in options.hidden.split(",") if w]
    layers = []
    for i, o in zip(widths, widths[1:]):
        layers += [nn.Linear(i, o), activation()]
    model = nn.Sequential(*layers, nn.Linear(widths[-1], 10))
    if options.ddp:
        model = nn.parallel.DistributedDataParallel(model)
    if options.compile:
        model = torch.compile(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()

    def step(samples):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bf16):
            loss = loss_of(model(x[samples]), y[samples])
        loss.backward()
        optimizer.step()

    def epoch():
        order = torch.randperm(len(x))
        for batch in order.split(options.batch):
            step(batch.tensor_split(size)[rank])

    # warm-up, also of the smaller last batch, for which torch.compile compiles again
    for count in (10 * options.batch, len(x) % options.batch):
        for batch in torch.randperm(len(x))[:count].split(options.batch):
            step(batch.tensor_split(size)[rank])
    begun = time.perf_counter()
    for _ in range(options.epochs):
        epoch()
    seconds = time.perf_counter() - begun
    if rank == 0:
        print(f"{options.epochs * len(x) / seconds:.0f}")
    if options.ddp:
        dist.destroy_process_group()


main()
