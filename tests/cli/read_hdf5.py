#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Reads a run's HDF5 files with h5py alone, as a stranger would.

usage: read_hdf5.py RUN [--idx-images FILE --idx-labels FILE]

Checks the layout of the newest checkpoint and of metrics.h5, recomputes the checkpoint's
digest, and with a pair of IDX files (plain or .gz) computes the network's predictions in
float64.  Exits with 1 and one line of reason when something is not as documented.
"""

import argparse
import gzip
import hashlib
import math
import pathlib
import re
import struct
import sys

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

TEXT, INT, UINT, REAL = "text", "<i8", "<u8", "<f8"

# in the order of the digest
ATTRIBUTES = [
    ("/", "format_version", INT),
    ("/", "program_version", TEXT),
    ("/", "created_utc", TEXT),
    ("/config", "text", TEXT),
    ("/model", "input", INT),
    ("/model", "classes", INT),
    ("/model", "layers", INT),
    ("/model", "activation", TEXT),
    ("/model", "activation_scale_out", REAL),
    ("/model", "activation_scale_in", REAL),
    ("/model", "input_scale", REAL),
    ("/progress", "epoch", INT),
    ("/progress", "step", INT),
    ("/progress", "step_in_epoch", INT),
    ("/progress", "samples_seen", INT),
    ("/progress", "learning_rate", REAL),
    ("/progress", "best_epoch", INT),
    ("/progress", "best_error", REAL),
    ("/progress", "seed", UINT),
    ("/progress", "epoch_loss_sum", REAL),
    ("/progress", "epoch_correct", INT),
    ("/progress", "epoch_samples", INT),
    ("/progress", "train_seconds", REAL),
    ("/data", "source", TEXT),
    ("/data", "train_count", INT),
    ("/data", "train_digest", TEXT),
]

TABLES = {
    "epochs": "epoch step learning_rate train_loss penalty train_error validation_loss "
    "validation_error test_loss test_error seconds samples_per_second",
    "steps": "step epoch learning_rate loss error seconds",
    "ranks": "epoch step rank gather_seconds compute_seconds wait_seconds "
    "reduce_seconds update_seconds host",
}

INTEGER_COLUMNS = {"epoch", "step", "rank"}


class Wrong(Exception):
    """The file does not have the format that src/README.md describes."""


def demand(condition, message):
    if not condition:
        raise Wrong(message)


def read_text(node, name):
    demand(name in node.attrs, f"{node.name}: attribute {name} is missing")
    value = node.attrs[name]
    value = value if isinstance(value, str) else bytes(value).decode("utf-8")
    demand("\0" not in value, f"{node.name}: attribute {name} holds a zero byte")
    return value


def read_attribute(node, name, kind):
    """The attribute's value and its bytes in the digest."""
    if kind == TEXT:
        value = read_text(node, name)
        return value, value.encode("utf-8")
    demand(name in node.attrs, f"{node.name}: attribute {name} is missing")
    value = node.attrs[name]
    demand(
        np.shape(value) == () and value.dtype == np.dtype(kind),
        f"{node.name}: attribute {name} is not one {kind}",
    )
    return value[()], np.asarray(value, kind).tobytes()


class Digest:
    def __init__(self):
        self.sum = hashlib.sha256()

    def add(self, name, value):
        name = name.encode()
        self.sum.update(struct.pack("<Q", len(name)) + name)
        self.sum.update(struct.pack("<Q", len(value)) + value)


def read_tensor(file, path, shape, digest):
    demand(path in file, f"{path} is missing")
    tensor = file[path]
    demand(tensor.dtype == np.dtype("<f4"), f"{path} is not float32")
    demand(tensor.shape == shape, f"{path} is {tensor.shape}, not {shape}")
    demand(tensor.fletcher32, f"{path} has no checksum")
    expected = "out, in" if len(shape) == 2 else "out"
    demand(read_text(tensor, "dimensions") == expected, f"{path}: dimensions")
    demand(read_text(tensor, "meaning") != "", f"{path}: meaning")
    demand(read_text(tensor, "unit") == "1", f"{path}: unit")
    values = tensor[...]
    demand(np.isfinite(values).all(), f"{path} holds non-finite values")
    digest.add(path, values.astype("<f4").tobytes())
    return values


def optional_tensors(file):
    present = file.get("/optimizer/layer0", ())
    return [name for name in ("second_moment", "current") if f"weight_{name}" in present]


def read_layers(file, model, digest):
    layers, width = [], model["input"]
    names = {f"layer{i}" for i in range(model["layers"])}
    for group in ("/model", "/optimizer"):
        demand(group in file, f"{group} is missing")
        demand(set(file[group]) == names, f"{group} holds {sorted(file[group])}")
    for i in range(model["layers"]):
        weight_path = f"/model/layer{i}/weight"
        demand(weight_path in file, f"{weight_path} is missing")
        out = file[weight_path].shape[0]
        weight = read_tensor(file, weight_path, (out, width), digest)
        bias = read_tensor(file, f"/model/layer{i}/bias", (out,), digest)
        read_tensor(file, f"/optimizer/layer{i}/weight", (out, width), digest)
        read_tensor(file, f"/optimizer/layer{i}/bias", (out,), digest)
        for name in optional_tensors(file):
            read_tensor(file, f"/optimizer/layer{i}/weight_{name}", (out, width), digest)
            read_tensor(file, f"/optimizer/layer{i}/bias_{name}", (out,), digest)
        layers.append((weight.astype(np.float64), bias.astype(np.float64)))
        width = out
    demand(width == model["classes"], f"{width} outputs for {model['classes']} classes")
    return layers


def read_checkpoint(path):
    with h5py.File(path, "r") as file:
        digest = Digest()
        text = read_text(file, "format")
        demand(text == "shardnet checkpoint", f"format is {text!r}")
        digest.add("format", text.encode())
        values = {}
        for group, name, kind in ATTRIBUTES:
            demand(group in file, f"{group} is missing")
            value, raw = read_attribute(file[group], name, kind)
            digest.add(group.rstrip("/") + "/" + name, raw)
            values[(group, name)] = value
        version = 2 if optional_tensors(file) else 1
        demand(values[("/", "format_version")] == version, f"format_version is not {version}")
        created = values[("/", "created_utc")]
        demand(
            re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created),
            f"created_utc is {created!r}",
        )
        model = {name: v for (group, name), v in values.items() if group == "/model"}
        progress = {n: v for (group, n), v in values.items() if group == "/progress"}
        model["layer"] = read_layers(file, model, digest)
        stored = read_text(file, "digest")
        demand(stored == digest.sum.hexdigest(), f"digest is {stored}, not the content's")
        return model, progress


def check_metrics(path):
    counts = []
    with h5py.File(path, "r") as file:
        for name, columns in TABLES.items():
            demand(name in file, f"/{name} is missing")
            table = file[name]
            columns = columns.split()
            demand(table.ndim == 1, f"/{name} has rank {table.ndim}")
            demand(table.maxshape == (None,), f"/{name} cannot grow")
            demand(
                list(table.dtype.names or ()) == columns,
                f"/{name} has the columns {table.dtype.names}",
            )
            units = []
            for column in columns:
                kind = INT if column in INTEGER_COLUMNS else REAL
                kind = "S64" if column == "host" else kind
                demand(table.dtype[column] == np.dtype(kind), f"/{name} {column} type")
                units.append(f"{column}: {read_text(table, 'unit_' + column)}")
            demand(read_text(table, "units") == ", ".join(units), f"/{name} units")
            steps = table["step"]
            demand((steps >= 1).all(), f"/{name}: a step below 1")
            order = np.diff(steps)
            demand(
                (order >= 0).all() if name == "ranks" else (order > 0).all(),
                f"/{name}: steps are not in order",
            )
            counts.append(f"{len(table)} {name}")
    return ", ".join(counts)


def read_idx(path, dimensions):
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rb") as file:
        data = file.read()
    demand(data[:4] == bytes([0, 0, 8, dimensions]), f"{path} is no such IDX file")
    size = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions)
    demand(values.size == math.prod(size), f"{path} has a wrong length")
    return values.reshape(size)


def activate(model, z):
    name = model["activation"]
    if name == "relu":
        return np.maximum(z, 0)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-z))
    demand("tanh" in name, f"unknown activation {name!r}")
    return model["activation_scale_out"] * np.tanh(model["activation_scale_in"] * z)


def compute_logits(model, images):
    x = images.reshape(len(images), -1).astype(np.float64) * model["input_scale"]
    demand(x.shape[1] == model["input"], f"images have {x.shape[1]} values")
    for i, (weight, bias) in enumerate(model["layer"]):
        x = x @ weight.T + bias
        if i + 1 < len(model["layer"]):
            x = activate(model, x)
    return x


def newest_checkpoint(run):
    found = [
        (int(match[1]), path)
        for path in (run / "checkpoints").glob("step-*.h5")
        if (match := re.fullmatch(r"step-(\d{8,})\.h5", path.name))
    ]
    demand(found, f"{run} holds no checkpoint")
    return max(found)


def check_run(options):
    run = pathlib.Path(options.run)
    step, path = newest_checkpoint(run)
    model, progress = read_checkpoint(path)
    demand(progress["step"] == step, f"{path.name} says step {progress['step']}")
    widths = [int(model["input"])] + [len(bias) for _, bias in model["layer"]]
    print(
        f"{path.name}: {'-'.join(map(str, widths))}, epoch {progress['epoch']}, "
        f"step {step}, digest verified"
    )
    print(f"metrics.h5: {check_metrics(run / 'metrics.h5')}")
    if options.idx_images:
        images = read_idx(options.idx_images, 3)
        labels = read_idx(options.idx_labels, 1)
        demand(len(images) == len(labels), "images and labels differ in number")
        correct = int((compute_logits(model, images).argmax(axis=1) == labels).sum())
        print(f"correct {correct} of {len(labels)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--idx-images")
    parser.add_argument("--idx-labels")
    options = parser.parse_args()
    if bool(options.idx_images) != bool(options.idx_labels):
        parser.error("--idx-images and --idx-labels go together")
    try:
        check_run(options)
    except (Wrong, OSError, ValueError) as error:
        print(f"{options.run}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
