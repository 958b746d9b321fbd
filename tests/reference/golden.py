#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An independent implementation of the training step in NumPy float64.

Usage: golden.py PROGRAM

Runs PROGRAM for one update, takes that checkpoint as the common start, computes 60 more
updates here from the formulas (order of samples, dropout masks, penalties, momentum,
schedules, max-norm), lets PROGRAM do the same, and compares every tensor.  Exit code 77
where NumPy or h5py are missing.
"""
import os
import struct
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

STEPS = 60
BOUND = 1e-4  # largest difference of a tensor relative to its largest entry
SHUFFLE, DROPOUT = 2, 3  # purposes of random draws
MASK32 = np.uint64(0xFFFFFFFF)


def philox(counter, key):
    """Philox 4x32-10 over arrays of counters (4, n); returns (4, n) uint64."""
    c = [np.asarray(x, dtype=np.uint64) for x in counter]
    k0, k1 = key
    for _ in range(10):
        p0 = np.uint64(0xD2511F53) * c[0]
        p1 = np.uint64(0xCD9E8D57) * c[2]
        c = [
            (p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0),
            p1 & MASK32,
            (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1),
            p0 & MASK32,
        ]
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.array(c)


def draw(seed, purpose, stream, epoch, item, index):
    n = np.broadcast(item, index)
    item, index = np.broadcast_to(item, n.shape), np.broadcast_to(index, n.shape)
    other = np.full(n.shape, epoch), np.full(n.shape, purpose << 24 | stream)
    return philox((index, item, *other), (seed & 0xFFFFFFFF, seed >> 32))


def order(seed, epoch, count):
    """The order of an epoch: a Feistel network on a near-square grid, with walking."""
    cols = 1
    while cols * cols < count:
        cols += 1
    rows = -(-count // cols)
    words = draw(seed, SHUFFLE, 0, epoch, np.zeros(3, int), np.arange(3)).T.reshape(-1)
    keys = [int(w) for w in words]
    rounds = 12 if count < 256 else 6

    def mix(value, key):
        value = ((value ^ key) * 0x85EBCA6B) & 0xFFFFFFFF
        return ((value ^ (value >> 15)) * 0xC2B2AE35) & 0xFFFFFFFF

    def walk(value):
        while True:
            row, col = divmod(value, cols)
            for i in range(0, rounds, 2):
                col = (col + (mix(row, keys[i]) * cols >> 32)) % cols
                row = (row + (mix(col, keys[i + 1]) * rows >> 32)) % rows
            value = row * cols + col
            if value < count:
                return value

    result = [walk(position) for position in range(count)]
    assert sorted(result) == list(range(count))
    return np.array(result)


def dropout_factor(p, seed, epoch, layer, samples, units):
    threshold = int(p * 65536 + 0.5)
    chunks = -(-units // 256)  # 256 units are drawn together, from 32 blocks
    blocks = np.arange(32 * chunks)
    words = draw(seed, DROPOUT, layer, epoch, samples[:, None], blocks[None, :])
    halves = np.stack([words & np.uint64(0xFFFF), words >> np.uint64(16)], axis=-1)
    # (word, sample, chunk, block, half) -> (sample, chunk, word, block, half)
    values = halves.reshape(4, len(samples), chunks, 32, 2).transpose(1, 2, 0, 3, 4)
    values = values.reshape(len(samples), -1)[:, :units]
    return (values >= threshold) * (65536.0 / (65536 - threshold))


ACTIVATIONS = {
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0) * 1.0),
    "lecun_tanh": (
        lambda z: 1.7159 * np.tanh(z * 2 / 3),
        lambda a: 1.7159 * 2 / 3 - (2 / 3 / 1.7159) * a * a,
    ),
}


def gradient(config, weights, biases, x, labels, samples, epoch):
    """Mean gradient over the batch, data term only."""
    f, slope = ACTIVATIONS[config["activation"]]
    seed = config["seed"]
    inputs, outputs, factors = [], [], []
    if config["dropout_input"] > 0:
        x = x * dropout_factor(config["dropout_input"], seed, epoch, 0, samples, x.shape[1])
    for layer, (w, b) in enumerate(zip(weights, biases)):
        inputs.append(x)
        z = x @ w.T + b
        if layer + 1 < len(weights):
            a = f(z)
            factor = 1.0
            if config["dropout_hidden"] > 0:
                factor = dropout_factor(
                    config["dropout_hidden"], seed, epoch, layer + 1, samples, a.shape[1]
                )
            outputs.append(a)
            factors.append(factor)
            x = a * factor
    e = np.exp(z - z.max(axis=1, keepdims=True))
    dz = e / e.sum(axis=1, keepdims=True)
    dz[np.arange(len(labels)), labels] -= 1
    dz /= len(labels)
    dw, db = [None] * len(weights), [None] * len(weights)
    for layer in reversed(range(len(weights))):
        dw[layer], db[layer] = dz.T @ inputs[layer], dz.sum(axis=0)
        if layer > 0:
            da = dz @ weights[layer] * factors[layer - 1]
            dz = da * slope(outputs[layer - 1])
    return dw, db


def rate_of(config, epoch, step, steps):
    rate = config["learning_rate"]
    done = epoch + step / steps
    if config["schedule"] == "inverse":
        for i in range(epoch + 1):
            rate /= 1 + config["decay"] * i
    elif config["schedule"] == "step":
        rate *= config["decay"] ** (epoch // config["decay_every"])
    elif config["schedule"] == "cosine":
        rate *= (1 + np.cos(np.pi * done / config["epochs"])) / 2
    if done < config["warmup_epochs"]:
        rate *= (done + 1 / steps) / (config["warmup_epochs"] + 1 / steps)
    return rate


def update(config, rate, w, v, g, is_weight):
    if is_weight:
        g = g + config["l2"] * w + config["l1"] * np.sign(w)
    m, kind = config["momentum"], config["momentum_kind"]
    if kind == "previous_gradient":
        w, v = w - rate * g - m * v, rate * g
    else:
        v = m * v + rate * g
        w = w - (v if kind == "heavy_ball" else m * v + rate * g)
    if is_weight and config["max_norm"] > 0:
        norm = np.sqrt((w * w).sum(axis=1, keepdims=True))
        w = w * np.minimum(1, config["max_norm"] / np.maximum(norm, 1e-300))
    return w, v


def read_checkpoint(path):
    with h5py.File(path, "r") as file:
        layers = int(file["model"].attrs["layers"])
        groups = [f"layer{i}" for i in range(layers)]
        read = lambda place, name: [
            file[place][g][name][...].astype(np.float64) for g in groups
        ]
        return [
            read("model", "weight"),
            read("model", "bias"),
            read("optimizer", "weight"),
            read("optimizer", "bias"),
        ]


def read_idx(path):
    data = open(path, "rb").read()
    dims = data[3]
    shape = struct.unpack(f">{dims}I", data[4 : 4 + 4 * dims])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape)


def run_program(program, config, folder, data, max_steps, resume):
    sections = {
        "data": ["train_limit"],
        "model": ["hidden", "activation", "init", "dropout_input", "dropout_hidden", "max_norm"],
        "optimizer": ["learning_rate", "momentum", "momentum_kind", "l1", "l2", "schedule",
                      "decay", "decay_every", "warmup_epochs"],
        "train": ["epochs", "batch", "seed"],
    }
    path = os.path.join(folder, "golden.ini")
    with open(path, "w") as out:
        for section, keys in sections.items():
            out.write(f"[{section}]\n")
            out.writelines(f"{key} = {config[key]}\n" for key in keys)
    command = [program, "train", path, "--quiet", "--out", os.path.join(folder, "run"),
               "--set", "data.source=idx", "--set", f"data.dir={data}",
               "--set", f"train.max_steps={max_steps}"]
    done = subprocess.run(command + (["--resume"] if resume else []), capture_output=True,
                          text=True)
    if done.returncode != 75:
        sys.exit(f"golden: exit code {done.returncode} instead of 75: {done.stderr}")


def continue_here(config, state, images, labels):
    weights, biases, vw, vb = state
    count, batch = config["train_limit"], config["batch"]
    steps = -(-count // batch)
    for t in range(1, 1 + STEPS):
        epoch, step = divmod(t, steps)
        samples = order(config["seed"], epoch, count)[step * batch : (step + 1) * batch]
        x = images[samples].reshape(len(samples), -1) / 255.0
        dw, db = gradient(config, weights, biases, x, labels[samples], samples, epoch)
        rate = rate_of(config, epoch, step, steps)
        for l in range(len(weights)):
            weights[l], vw[l] = update(config, rate, weights[l], vw[l], dw[l], True)
            biases[l], vb[l] = update(config, rate, biases[l], vb[l], db[l], False)
    return state


def compare(found, expected):
    worst = 0
    for a, b in zip(sum(found, []), sum(expected, [])):
        worst = max(worst, np.abs(a - b).max() / max(np.abs(b).max(), 1e-12))
    return worst


BASE = {
    "train_limit": 470, "hidden": "40, 30", "activation": "tanh", "init": "xavier",
    "dropout_input": 0, "dropout_hidden": 0, "max_norm": 0, "learning_rate": 0.1,
    "momentum": 0.9, "momentum_kind": "heavy_ball", "l1": 1e-5, "l2": 1e-3,
    "schedule": "constant", "decay": 0, "decay_every": 1, "warmup_epochs": 0, "epochs": 20,
    "batch": 50, "seed": 12345678901,
}
CASES = [
    {"momentum_kind": "heavy_ball", "schedule": "constant"},
    {"momentum_kind": "nesterov", "schedule": "inverse", "decay": 0.05, "activation": "sigmoid"},
    {"momentum_kind": "previous_gradient", "schedule": "step", "decay": 0.5, "decay_every": 2},
    {"momentum_kind": "nesterov", "schedule": "cosine", "warmup_epochs": 2.5,
     "activation": "relu", "init": "he", "learning_rate": 0.05},
    {"schedule": "constant", "warmup_epochs": 3, "activation": "lecun_tanh", "seed": 7,
     "learning_rate": 0.02},
    {"dropout_input": 0.2, "dropout_hidden": 0.5, "max_norm": 1.5, "train_limit": 200},
    {"dropout_hidden": 0.3, "max_norm": 1.0, "activation": "relu", "init": "he",
     "momentum_kind": "nesterov", "learning_rate": 0.02},
]


def main():
    program = os.path.abspath(sys.argv[1])
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        data = os.path.join(scratch, "data")
        subprocess.run([program, "data", "synth", data, "--train", "600", "--test", "50"],
                       check=True, stdout=subprocess.DEVNULL)
        images = read_idx(os.path.join(data, "train-images-idx3-ubyte"))
        labels = read_idx(os.path.join(data, "train-labels-idx1-ubyte"))
        for number, case in enumerate(CASES):
            config = {**BASE, **case}
            folder = os.path.join(scratch, f"case{number}")
            os.mkdir(folder)
            run_program(program, config, folder, data, 1, False)
            checkpoints = os.path.join(folder, "run", "checkpoints", "step-%08d.h5")
            state = read_checkpoint(checkpoints % 1)
            start = [[x.copy() for x in part] for part in state]
            expected = continue_here(config, state, images, labels)
            run_program(program, config, folder, data, STEPS, True)
            found = read_checkpoint(checkpoints % (1 + STEPS))
            moved = compare(start, expected)
            worst = compare(found, expected)
            good = worst < BOUND < 0.01 < moved
            failed += not good
            print(f"{'ok' if good else 'FAILED'}: difference {worst:.1e}, moved {moved:.1e}: {case}")
    sys.exit(1 if failed else 0)


main()
