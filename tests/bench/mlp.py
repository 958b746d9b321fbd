# SPDX-License-Identifier: BSD-3-Clause
"""The command line and the data that the programs of PyTorch and JAX share."""
import argparse
import gzip
import os

import numpy as np


def parse(*flags):
    """Returns the options; flags are the names of options without a value."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--hidden", required=True)
    parser.add_argument("--activation", default="relu", choices=["relu", "tanh", "sigmoid"])
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    return parser.parse_args()


def read_idx(path):
    raw = gzip.open(path + ".gz").read() if os.path.exists(path + ".gz") else open(path, "rb").read()
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def training_set(folder):
    """Returns the images, float32 (count, pixels) in [0, 1], and the labels, int64."""
    images = read_idx(os.path.join(folder, "train-images-idx3-ubyte"))
    labels = read_idx(os.path.join(folder, "train-labels-idx1-ubyte"))
    return images.reshape(len(images), -1).astype(np.float32) / 255, labels.astype(np.int64)
