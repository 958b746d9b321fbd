#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the first images of MNIST in the forms of other data sets.

    import_data.py MNIST OUT

OUT/FORM is the input of `shardnet data import`; OUT/expected has the four IDX files."""
import gzip
import os
import struct
import sys

import numpy
from PIL import Image

TRAIN, TEST = 300, 80
ROLES = [("train", TRAIN), ("t10k", TEST)]


def idx(path, array, kind=8):
    data = struct.pack(">BBBB", 0, 0, kind, array.ndim)
    data += struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    write(path, gzip.compress(data) if path.endswith(".gz") else data)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def load(folder, name, count):
    path = os.path.join(folder, name)
    with gzip.open(path + ".gz") if os.path.exists(path + ".gz") else open(path, "rb") as file:
        data = file.read()
    sizes = struct.unpack_from(f">{data[3]}I", data, 4)
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * data[3]).reshape(sizes)[:count]


def csv(path, images, labels):
    lines = ["label," + ",".join(f"pixel{i}" for i in range(images[0].size))]
    lines += [f"{label}," + ",".join(map(str, image.reshape(-1).tolist()))
              for image, label in zip(images, labels)]
    data = ("\r\n".join(lines) + "\r\n").encode()
    write(path, gzip.compress(data) if path.endswith(".gz") else data)


def pictures(path, images, labels, kind):
    """The reader orders a class by name, and spreads the classes by position."""
    count = numpy.bincount(labels, minlength=10)
    seen = [0] * 10
    order = []
    for i, label in enumerate(labels):
        os.makedirs(f"{path}/{label}", exist_ok=True)
        Image.fromarray(images[i]).save(f"{path}/{label}/{i:05d}.{kind}")
        order.append(((2 * seen[label] + 1) / (2 * count[label]), label, i))
        seen[label] += 1
    return [i for _, _, i in sorted(order)]


def main():
    mnist, out = sys.argv[1:]
    arrays = {}
    for role, count in ROLES:
        images = load(mnist, f"{role}-images-idx3-ubyte", count)
        labels = load(mnist, f"{role}-labels-idx1-ubyte", count)
        test = "test" if role == "t10k" else role
        arrays["x_" + test], arrays["y_" + test] = images, labels
        idx(f"{out}/expected/{role}-images-idx3-ubyte", images)
        idx(f"{out}/expected/{role}-labels-idx1-ubyte", labels)
        idx(f"{out}/dots/{role}-images.idx3-ubyte", images)
        idx(f"{out}/dots/{role}-labels.idx1-ubyte.gz", labels)
        turned = numpy.ascontiguousarray(images.transpose(0, 2, 1))
        idx(f"{out}/gzip/emnist-digits-{test}-images-idx3-ubyte.gz", turned)
        idx(f"{out}/gzip/emnist-digits-{test}-labels-idx1-ubyte.gz", labels)
        idx(f"{out}/gzip/emnist-letters-{test}-images-idx3-ubyte.gz", turned)
        idx(f"{out}/gzip/emnist-letters-{test}-labels-idx1-ubyte.gz", labels + numpy.uint8(1))
        table = numpy.zeros((count, 8), ">i4")
        table[:, 0] = labels
        table[:, 1:] = -1
        idx(f"{out}/qmnist/qmnist-{test}-images-idx3-ubyte.gz", images)
        idx(f"{out}/qmnist/qmnist-{test}-labels-idx2-int", table, 0x0C)
        csv(f"{out}/csv/mnist_{test}.csv" + (".gz" if test == "test" else ""), images, labels)
        for kind in "pgm", "png", "jpg":
            order = pictures(f"{out}/pictures-{kind}/{test}", images, labels, kind)
        idx(f"{out}/ordered/{role}-images-idx3-ubyte", images[order])
        idx(f"{out}/ordered/{role}-labels-idx1-ubyte", labels[order])
    numpy.savez_compressed(f"{out}/mnist.npz", **arrays)
    many = 2 * [i for i in range(256) if i not in (7, 9)] + list(range(100, 120))
    csv(f"{out}/many.csv", numpy.arange(4 * len(many), dtype=numpy.uint8).reshape(-1, 2, 2), many)
    wide = {name: array.astype("<i8") if name[0] == "y" else array for name, array in arrays.items()}
    numpy.savez(f"{out}/wide.npz", **wide)
    numpy.savez(f"{out}/large.npz", **{**wide, "y_train": wide["y_train"] + 250})
    numpy.savez(f"{out}/signed.npz", **{**arrays, "y_train": arrays["y_train"].astype("i1")})
    numpy.savez(f"{out}/swapped.npz", **{**arrays, "y_test": arrays["y_test"].astype(">i4")})
    numpy.savez(f"{out}/fortran.npz", **{**arrays, "x_train": numpy.asfortranarray(arrays["x_train"])})


main()
