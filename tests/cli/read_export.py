#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Predicts with an exported network as another program would.

usage: read_export.py FILE IDX-IMAGES IDX-LABELS PREDICTIONS

FILE is .onnx, which onnx checks and onnxruntime runs, or .safetensors, which safetensors
reads and NumPy computes.  PREDICTIONS is what `shardnet predict` prints for the images.
Prints "correct N of M"; exits with 1 where class or probability differs.
"""
import gzip
import sys

import numpy as np


def read_idx(path, header):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rb") as file:
        data = file.read()
    count = int.from_bytes(data[4:8], "big")
    return np.frombuffer(data, np.uint8, offset=header).reshape(count, -1)


def run_onnx(path, x):
    import onnx
    import onnxruntime

    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits, probabilities = session.run(["logits", "probabilities"], {"pixels": x})
    return properties, logits, probabilities


def run_safetensors(path, x):
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        properties = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    scale_in = np.float32(properties["activation_scale_in"])
    scale_out = np.float32(properties["activation_scale_out"])
    hidden = {
        "relu": lambda z: np.maximum(z, 0),
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    }.get(properties["activation"], lambda z: scale_out * np.tanh(scale_in * z))
    last = max(int(name.split(".")[0]) for name in tensors)
    for module in range(0, last + 1, 2):
        x = x @ tensors[f"{module}.weight"].T + tensors[f"{module}.bias"]
        x = hidden(x) if module < last else x
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return properties, x, e / e.sum(axis=1, keepdims=True)


def main():
    path, images, labels, predictions = sys.argv[1:]
    x = read_idx(images, 16).astype(np.float32) / np.float32(255)
    wanted = [line.rstrip("\n").split("\t")[-4:] for line in open(predictions)]
    run = run_onnx if path.endswith(".onnx") else run_safetensors
    properties, logits, probabilities = run(path, x)
    print(" ".join(f"{name}={value}" for name, value in sorted(properties.items())))
    classes = logits.argmax(axis=1)
    other = sum(int(row[0]) != c for row, c in zip(wanted, classes, strict=True))
    best = np.array([float(row[1]) for row in wanted])
    largest = np.abs(probabilities.max(axis=1) - best).max()
    print(f"other predictions {other}, largest difference of a probability {largest:.1e}")
    print(f"correct {int((classes == read_idx(labels, 8)[:, 0]).sum())} of {len(classes)}")
    return int(other > 0 or not largest < 1e-5)


if __name__ == "__main__":
    sys.exit(main())
