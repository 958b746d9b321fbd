#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""An independent implementation of training in NumPy float64.

Usage: golden.py PROGRAM MPIEXEC

Trains a few epochs here from the formulas (initial weights, order of samples, dropout
masks, penalties, momentum, AdamW, averaging, clipping, schedules, max-norm, evaluation),
lets PROGRAM do the same, interrupted and resumed on another number of ranks, and compares
every tensor, every row of /epochs and /steps, and the printed result.  Exit code 77 where
NumPy or h5py are missing.
"""
import os
import re
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

STOP = 13  # updates before the interruption, which is in the middle of an epoch
BOUND = 1e-4  # largest difference of a tensor relative to its largest entry
INIT, SHUFFLE, DROPOUT, NOISE = 1, 2, 3, 6  # purposes of random draws
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


def draw_weights(config, widths):
    """U(-r, r) with r of Glorot or He, four weights from a block."""
    weights = []
    for layer, (fan_in, fan_out) in enumerate(zip(widths, widths[1:])):
        count = fan_in * fan_out
        blocks = np.arange(-(-count // 4))
        words = draw(config["seed"], INIT, layer, 0, np.zeros_like(blocks), blocks)
        unit = ((words >> np.uint64(9)) + 0.5) / 2**23
        bound = np.sqrt(6 / (fan_in + (fan_out if config["init"] == "xavier" else 0)))
        flat = bound * (2 * unit.T.reshape(-1)[:count] - 1)
        weights.append(flat.reshape(fan_out, fan_in))
    return weights


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


def noise(deviation, seed, epoch, samples, inputs):
    """Normal numbers by Box and Muller, 1024 inputs together from up to 256 blocks."""
    parts = []
    for begin in range(0, inputs, 1024):
        blocks = -(-min(1024, inputs - begin) // 4)
        index = np.arange(blocks) + begin // 4
        words = draw(seed, NOISE, 0, epoch, samples[:, None], index[None, :])
        unit = ((words >> np.uint64(9)) + 0.5) / 2**23
        r, a = np.sqrt(-2 * np.log(unit[0::2])), unit[1::2] * np.pi / 2
        flip = lambda bit: 1 - 2.0 * (words[1::2] >> np.uint64(bit) & np.uint64(1))
        pair = r * np.cos(a) * flip(0), r * np.sin(a) * flip(1)  # (2, sample, block) each
        numbers = np.stack(pair, axis=1).reshape(4, len(samples), blocks)
        parts.append(numbers.transpose(1, 0, 2).reshape(len(samples), -1))
    return deviation * np.concatenate(parts, axis=1)[:, :inputs]


ACTIVATIONS = {
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0) * 1.0),
    "lecun_tanh": (
        lambda z: 1.7159 * np.tanh(z * 2 / 3),
        lambda a: 1.7159 * 2 / 3 - (2 / 3 / 1.7159) * a * a,
    ),
}


def losses(z, labels, smoothing):
    """Sum of the cross-entropies, number of wrong predictions, derivative of the sum by z."""
    z = z - z.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    target = np.full(z.shape, smoothing / z.shape[1])
    target[np.arange(len(labels)), labels] += 1 - smoothing
    return -(target * np.log(p)).sum(), (z.argmax(axis=1) != labels).sum(), p - target


def evaluate(config, weights, biases, images, labels):
    """Mean loss and error, without dropout."""
    x = images.reshape(len(images), -1) / 255.0
    for layer, (w, b) in enumerate(zip(weights, biases)):
        z = x @ w.T + b
        x = ACTIVATIONS[config["activation"]][0](z) if layer + 1 < len(weights) else z
    loss, wrong, _ = losses(x, labels, 0)
    return loss / len(labels), wrong / len(labels)


def gradient(config, weights, biases, x, labels, samples, epoch):
    """Mean gradient over the batch, data term only, with what losses returns."""
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
    *found, dz = losses(z, labels, config["label_smoothing"])
    dz /= len(labels)
    dw, db = [None] * len(weights), [None] * len(weights)
    for layer in reversed(range(len(weights))):
        dw[layer], db[layer] = dz.T @ inputs[layer], dz.sum(axis=0)
        if layer > 0:
            da = dz @ weights[layer] * factors[layer - 1]
            dz = da * slope(outputs[layer - 1])
    return dw, db, found


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
    elif config["schedule"] == "linear":
        rate *= 1 - done / config["epochs"]
    elif config["schedule"] == "warmup_stable_decay":
        rate *= min(1, (1 - done / config["epochs"]) / config["decay_fraction"])
    if done < config["warmup_epochs"]:
        rate *= (done + 1 / steps) / (config["warmup_epochs"] + 1 / steps)
    return rate


def update(config, rate, t, w, v, s, g, is_weight):
    """Update t, from 1, of a tensor, its velocity v and second moment s."""
    if is_weight:
        g = g + config["l2"] * w + config["l1"] * np.sign(w)
    m, kind = config["momentum"], config["momentum_kind"]
    if config["optimizer"] == "adamw":
        b1, b2 = config["beta1"], config["beta2"]
        v, s = b1 * v + (1 - b1) * g, b2 * s + (1 - b2) * g * g
        step = v / (1 - b1**t) / (np.sqrt(s / (1 - b2**t)) + config["epsilon"])
        w = w - rate * (step + (config["weight_decay"] * w if is_weight else 0))
    elif kind == "previous_gradient":
        w, v = w - rate * g - m * v, rate * g
    else:
        v = m * v + rate * g
        w = w - (v if kind == "heavy_ball" else m * v + rate * g)
    if is_weight and config["max_norm"] > 0:
        norm = np.sqrt((w * w).sum(axis=1, keepdims=True))
        w = w * np.minimum(1, config["max_norm"] / np.maximum(norm, 1e-300))
    return w, v, s


def read_checkpoint(path):
    with h5py.File(path, "r") as file:
        layers = int(file["model"].attrs["layers"])
        groups = [f"layer{i}" for i in range(layers)]
        read = lambda place, name: [
            file[place][g][name][...].astype(np.float64) for g in groups
        ]
        names = ["weight", "bias", "weight_second_moment", "bias_second_moment",
                 "weight_current", "bias_current"]
        return [read("model", name) for name in names[:2]] + [
            read("optimizer", name) for name in names if name in file["optimizer/layer0"]
        ]


def read_idx(path):
    data = open(path, "rb").read()
    dims = data[3]
    shape = struct.unpack(f">{dims}I", data[4 : 4 + 4 * dims])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape)


def run_program(program, config, folder, data, expected, more):
    """Trains; returns the numbers of the printed result."""
    sections = {
        "data": ["train_limit", "validation", "width"],
        "augment": ["kind", "noise"],
        "model": ["hidden", "activation", "init", "dropout_input", "dropout_hidden", "max_norm"],
        "optimizer": ["learning_rate", "momentum", "momentum_kind", "beta1", "beta2", "epsilon",
                      "weight_decay", "clip_norm", "l1", "l2", "schedule", "decay", "decay_every",
                      "decay_fraction", "warmup_epochs"],
        "train": ["epochs", "batch", "average", "label_smoothing", "seed", "eval_every"],
        "comm": ["reduce", "leaves"],
        "metrics": ["every_steps"],
    }
    path = os.path.join(folder, "golden.ini")
    with open(path, "w") as out:
        for section, keys in sections.items():
            out.write(f"[{section}]\n")
            out.writelines(f"{key} = {config[key]}\n" for key in keys)
        out.write(f"[optimizer]\nkind = {config['optimizer']}\n")
    command = program + ["train", path, "--quiet", "--out", os.path.join(folder, "run"),
                         "--set", "data.source=idx", "--set", f"data.dir={data}"] + more
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != expected:
        sys.exit(f"golden: exit code {done.returncode} instead of {expected}: {done.stderr}")
    return [float(x) for x in re.findall(r"\((\d+) of (\d+) correct\), loss ([\d.]+)",
                                         done.stdout)[0]] if expected == 0 else None


def normalize_width(images, width):
    """Resamples the columns with ink to width columns, with triangular weights."""
    result = np.zeros_like(images)
    cols = images.shape[2]
    for image, out in zip(images.astype(np.int64), result):
        ink = np.flatnonzero(image.any(axis=0))
        begin, count = ink[0], ink[-1] + 1 - ink[0]
        # in units of 1 / (2 width) columns
        place = 2 * width * begin + (2 * np.arange(width) + 1) * count - width
        columns = 2 * width * np.arange(-cols, 2 * cols)
        weights = np.maximum(0, 2 * max(count, width) - np.abs(place[:, None] - columns))
        total = weights.sum(axis=1)
        left = (cols - width) // 2
        sums = image @ weights[:, cols : 2 * cols].T
        out[:, left : left + width] = (2 * sums + total) // (2 * total)
    return result


def train_here(config, train, validation, test):
    """The expected rows of /steps and /epochs and the state after each epoch."""
    images, labels = train
    count, batch = len(labels), config["batch"]
    widths = [images[0].size, *map(int, config["hidden"].split(",")), 10]
    weights, biases = draw_weights(config, widths), [np.zeros(n) for n in widths[1:]]
    vw, sw = ([np.zeros_like(w) for w in weights] for _ in range(2))
    vb, sb = ([np.zeros_like(b) for b in biases] for _ in range(2))
    averages = [x.copy() for x in weights + biases]
    steps, epochs, states = [], [], []
    for epoch in range(config["epochs"]):
        sums = np.zeros(2)
        positions = order(config["seed"], epoch, count)
        starts = range(0, count, batch)
        for step, first in enumerate(starts):
            samples = positions[first : first + batch]
            x = images[samples].reshape(len(samples), -1) / 255.0
            if config["noise"] > 0:
                x = x + noise(config["noise"], config["seed"], epoch, samples, x.shape[1])
            dw, db, found = gradient(config, weights, biases, x, labels[samples], samples, epoch)
            rate = rate_of(config, epoch, step, len(starts))
            norm = np.sqrt(sum((x * x).sum() for x in dw + db))
            if 0 < config["clip_norm"] < norm:
                dw, db = ([x * (config["clip_norm"] / norm) for x in part] for part in (dw, db))
            for l in range(len(weights)):
                t = len(steps) + 1
                weights[l], vw[l], sw[l] = update(config, rate, t, weights[l], vw[l], sw[l],
                                                  dw[l], True)
                biases[l], vb[l], sb[l] = update(config, rate, t, biases[l], vb[l], sb[l],
                                                 db[l], False)
            decay = min(config["average"], (1 + t) / (10 + t))
            averages = [decay * a + (1 - decay) * w for a, w in zip(averages, weights + biases)]
            sums += found
            steps.append((len(steps) + 1, epoch, rate, *(np.array(found) / len(samples))))
        penalty = sum(config["l1"] * np.abs(w).sum() + config["l2"] / 2 * (w * w).sum()
                      for w in weights)
        evaluated = (epoch + 1) % config["eval_every"] == 0 or epoch + 1 == config["epochs"]
        results = [(np.nan, np.nan)] * 2
        if evaluated:
            model = averages[: len(weights)], averages[len(weights) :]
            results = [evaluate(config, *model, *part) for part in (validation, test)]
        epochs.append((epoch + 1, len(steps), rate, sums[0] / count + penalty, penalty,
                       sums[1] / count, *results[0], *results[1]))
        state = [averages[: len(weights)], averages[len(weights) :], vw, vb]
        state += [sw, sb] if config["optimizer"] == "adamw" else []
        state += [weights, biases] if config["average"] > 0 else []
        states.append([[x.copy() for x in part] for part in state])
    return steps, epochs, states


def compare(found, expected):
    worst = 0
    for a, b in zip(sum(found, []), sum(expected, [])):
        worst = max(worst, np.abs(a - b).max() / max(np.abs(b).max(), 1e-12))
    return worst


def check_rows(table, names, expected, samples):
    """Returns the faults of a table of metrics.  An error may be off by one sample, whose two
    largest outputs are nearly the same."""
    wrong = [] if len(table) == len(expected) else [f"{len(table)} rows"]
    for name, column in zip(names, np.array(expected, dtype=float).T):
        found = table[name][: len(column)].astype(float)
        slack = 1.01 / samples if name.endswith("error") else BOUND * np.abs(column)
        good = (np.abs(found - column) <= slack) | (np.isnan(found) & np.isnan(column))
        if not good.all():
            row = int(np.argmin(good))
            wrong.append(f"{name} {found[row]} instead of {column[row]} in row {row}")
    return wrong


def check_metrics(path, steps, epochs, config, counts):
    with h5py.File(path, "r") as file:
        found_steps, found_epochs, ranks = (file[t][...] for t in ("steps", "epochs", "ranks"))
    wrong = check_rows(found_steps, ["step", "epoch", "learning_rate", "loss", "error"],
                       steps, counts[0] % config["batch"] or config["batch"])
    wrong += check_rows(found_epochs, [
        "epoch", "step", "learning_rate", "train_loss", "penalty", "train_error",
        "validation_loss", "validation_error", "test_loss", "test_error"], epochs, min(counts))
    per_epoch = len(steps) // len(epochs)
    for row in found_epochs:
        begin = row["step"] - per_epoch
        earlier = STOP - begin if begin < STOP < row["step"] else 0  # before the interruption
        samples = counts[0] - earlier * config["batch"]
        if abs(row["samples_per_second"] * row["seconds"] / samples - 1) > 1e-6:
            wrong.append(f"samples_per_second of epoch {row['epoch']}")
    for row in ranks:
        if row["step"] != row["epoch"] * per_epoch or row["compute_seconds"] <= 0:
            wrong.append(f"ranks: {row}")
    return wrong


BASE = {
    "train_limit": 470, "validation": 70, "width": 0, "kind": "none", "noise": 0, "hidden": "40, 30", "activation": "tanh", "init": "xavier",
    "dropout_input": 0, "dropout_hidden": 0, "max_norm": 0, "learning_rate": 0.1,
    "optimizer": "momentum", "momentum": 0.9, "momentum_kind": "heavy_ball", "beta1": 0.9,
    "beta2": 0.99, "epsilon": 1e-3, "weight_decay": 0, "clip_norm": 0, "l1": 1e-5, "l2": 1e-3,
    "schedule": "constant", "decay": 0, "decay_every": 1, "decay_fraction": 0.2, "warmup_epochs": 0, "epochs": 7,
    "batch": 48, "average": 0, "label_smoothing": 0, "seed": 12345678901, "eval_every": 1, "reduce": "allreduce", "leaves": 4,
    "every_steps": 1,
}
CASES = [
    {"momentum_kind": "heavy_ball", "schedule": "constant", "eval_every": 3},
    {"momentum_kind": "nesterov", "schedule": "inverse", "decay": 0.05, "activation": "sigmoid",
     "reduce": "overlap"},
    {"momentum_kind": "previous_gradient", "schedule": "step", "decay": 0.5, "decay_every": 2,
     "reduce": "node"},
    {"momentum_kind": "nesterov", "reduce": "reproducible", "schedule": "cosine", "warmup_epochs": 2.5,
     "activation": "relu", "init": "he", "learning_rate": 0.05},
    {"schedule": "constant", "warmup_epochs": 3, "activation": "lecun_tanh", "seed": 7,
     "learning_rate": 0.02},
    {"schedule": "linear", "momentum": 0.5, "width": 15, "label_smoothing": 0.1},
    {"schedule": "warmup_stable_decay", "decay_fraction": 0.6, "warmup_epochs": 1.5,
     "noise": 0.3, "learning_rate": 0.05},
    {"dropout_input": 0.2, "dropout_hidden": 0.5, "max_norm": 1.5, "train_limit": 200},
    {"dropout_hidden": 0.3, "max_norm": 1.0, "activation": "relu", "init": "he",
     "momentum_kind": "nesterov", "learning_rate": 0.02},
    {"optimizer": "adamw", "learning_rate": 0.003, "weight_decay": 0.1, "schedule": "cosine",
     "reduce": "node", "max_norm": 2.0, "dropout_hidden": 0.2},
    {"clip_norm": 0.4, "momentum_kind": "nesterov", "reduce": "node"},
    {"average": 0.95, "clip_norm": 0.3, "reduce": "overlap", "l2": 0, "activation": "relu",
     "init": "he", "learning_rate": 0.05},
    # With l1, rounding decides the sign of a weight near 0, and adamw follows it.
    {"optimizer": "adamw", "learning_rate": 0.002, "average": 0.5, "clip_norm": 0.3,
     "reduce": "reproducible", "l1": 0},
]


def distortions_follow_the_epoch(program, scratch, data):
    """With a rate of 0 the loss of an epoch depends on its distortions alone."""
    found = {}
    for kind in ("none", "affine", "elastic"):
        folder = os.path.join(scratch, kind)
        os.mkdir(folder)
        config = {**BASE, "kind": kind, "learning_rate": 0, "l1": 0, "l2": 0, "epochs": 3}
        run_program([program], config, folder, data, 0, [])
        with h5py.File(os.path.join(folder, "run", "metrics.h5"), "r") as file:
            loss = np.sort(file["epochs"]["train_loss"])
        found[kind] = np.diff(loss).min() / loss[0], np.diff(loss).max() / loss[0]
    good = found["none"][1] < 1e-6 and min(found["affine"][0], found["elastic"][0]) > 1e-5
    print(f"{'ok' if good else 'FAILED'}: distortions of another epoch, least and largest "
          f"difference of the loss: {found}")
    return good


def check_case(program, mpiexec, config, folder, data, sets):
    checkpoints = os.path.join(folder, "run", "checkpoints")
    if config["width"] > 0:
        sets = {name: (normalize_width(images, config["width"]), labels)
                for name, (images, labels) in sets.items()}
    end = config["train_limit"] - config["validation"]
    train, validation = ([x[begin:stop] for x in sets["train"]]
                         for begin, stop in ((0, end), (end, config["train_limit"])))
    steps, epochs, states = train_here(config, train, validation, sets["test"])
    run_program([program], config, folder, data, 75, ["--set", f"train.max_steps={STOP}"])
    several = [mpiexec, "-n", "3", program]
    correct, count, loss = run_program(several, config, folder, data, 0, ["--resume"])
    last = read_checkpoint(os.path.join(checkpoints, f"step-{len(steps):08d}.h5"))
    best = int(np.nanargmin([row[7] for row in epochs]))
    worst = compare(last, states[-1])
    worst = max(worst, compare(read_checkpoint(os.path.join(checkpoints, "best.h5")),
                               states[best]))
    moved = compare(states[0], states[-1])
    counts = [len(part[1]) for part in (train, validation, sets["test"])]
    wrong = check_metrics(os.path.join(folder, "run", "metrics.h5"), steps, epochs, config,
                          counts)
    expected = epochs[best][8:10]
    if abs(1 - correct / count - expected[1]) > 1.01 / count or abs(loss - expected[0]) > 1e-4:
        wrong.append(f"printed {correct} of {count}, {loss} instead of {expected}")
    if not worst < BOUND < 0.01 < moved:
        wrong.append("parameters")
    return worst, moved, wrong


def main():
    program, mpiexec = os.path.abspath(sys.argv[1]), sys.argv[2]
    os.environ.update(
        OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
        OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_mpi_yield_when_idle="1",
        PRTE_MCA_rmaps_default_mapping_policy=":oversubscribe")
    with tempfile.TemporaryDirectory() as scratch:
        data = os.path.join(scratch, "data")
        subprocess.run([program, "data", "synth", data, "--train", "600", "--test", "600"],
                       check=True, stdout=subprocess.DEVNULL)
        sets = {name: [read_idx(os.path.join(data, f"{prefix}-{file}-ubyte"))
                       for file in ("images-idx3", "labels-idx1")]
                for name, prefix in (("train", "train"), ("test", "t10k"))}
        for number, case in enumerate(CASES):
            folder = os.path.join(scratch, f"case{number}")
            os.mkdir(folder)
            worst, moved, wrong = check_case(program, mpiexec, {**BASE, **case}, folder, data,
                                             sets)
            print(f"{'FAILED' if wrong else 'ok'}: difference {worst:.1e}, moved {moved:.1e}: "
                  f"{case}", *wrong[:5], sep="\n    ")
            if wrong:
                sys.exit(1)
        sys.exit(0 if distortions_follow_the_epoch(program, scratch, data) else 1)


main()
