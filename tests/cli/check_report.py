# SPDX-License-Identifier: BSD-3-Clause
"""Computes the predictions on a report's page once more with NumPy.

    check_report.py RUN PAGE IMAGES LABELS

The network is that of the newest checkpoint; IMAGES and LABELS are IDX files of the test set.
The confusion matrix, the error per class, the worst mistakes and their pictures must be those
of the page.  Exit 1 with the difference.
"""
import base64
import pathlib
import re
import sys
import zlib

import numpy as np
from read_hdf5 import compute_logits, newest_checkpoint, read_checkpoint, read_idx

LISTED, ACROSS = 40, 8


def demand(condition, message):
    if not condition:
        sys.exit(message)


def text_of(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html).replace("&nbsp;", " ").split())


def read_matrix(page):
    table = re.search(r'<table class="confusion">.*?<tbody>(.*?)</tbody>', page, re.S)[1]
    return np.array([[int(n) for n in re.findall(r"<td[^>]*>(\d+)</td>", row)]
                     for row in table.strip().split("\n")])


def check_classes(page, matrix):
    part = page[page.index("Error per class"):]
    rows = re.findall(r'<tr><th scope="row">(\d+)</th><td>(\d+)</td><td>(\d+)</td>'
                      r"<td>([\d.]+|&ndash;)</td>", part)
    demand(len(rows) == len(matrix), f"{len(rows)} classes instead of {len(matrix)}")
    for name, count, wrong, error in rows:
        row = matrix[int(name)]
        expected = row.sum(), row.sum() - row[int(name)]
        demand((int(count), int(wrong)) == expected, f"class {name}: not {expected}")
        demand(row.sum() == 0 or abs(float(error) - 100 * expected[1] / row.sum()) < 0.0051,
               f"class {name}: error {error}")


def read_picture(page):
    """The sheet of the mistakes: a grey PNG without a library that reads it."""
    data = base64.b64decode(
        re.search(r"\.picture\{[^}]*base64,([A-Za-z0-9+/=]+)\)", page)[1], validate=True)
    demand(data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:26] == b"\x08\x00", "no grey PNG")
    width, height = (int.from_bytes(data[i:i + 4], "big") for i in (16, 20))
    packed, at = b"", 8
    while at < len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        if data[at + 4:at + 8] == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += length + 12
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, width + 1)
    rows = np.zeros((height + 1, width + 1), int)
    for y in range(height):
        for x in range(width):
            left, up, corner = (int(v) for v in (rows[y + 1, x], rows[y, x + 1], rows[y, x]))
            nearest = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
            rows[y + 1, x + 1] = (lines[y, x + 1] + (
                0, left, up, (left + up) // 2, nearest)[lines[y, 0]]) % 256
    return rows[1:, 1:]


def check_mistakes(page, probabilities, images, labels):
    sheet = read_picture(page)
    rows, cols = images.shape[1:]
    part = page[page.index("Worst mistakes"):].split("<h2>")[0]
    figures = [re.fullmatch(r"(\d+) &rarr; (\d+) ([\d.]+) % no\. (\d+)", text_of(figure))
               for figure in re.findall(r"<figcaption>(.*?)</figcaption>", part)]
    best = probabilities.max(axis=1)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    demand(len(figures) == min(LISTED, len(wrong)), f"{len(figures)} mistakes are listed")
    shown = np.array([int(figure[4]) for figure in figures])
    demand(len(set(shown)) == len(shown), "a mistake is listed twice")
    expected = np.sort(best[wrong])[::-1][:len(shown)]
    demand(np.abs(best[shown] - expected).max() < 1e-5, "other mistakes are worse")
    for i, (truth, predicted, percent, sample) in enumerate(f.groups() for f in figures):
        sample = int(sample)
        demand((int(truth), int(predicted)) == (labels[sample], probabilities[sample].argmax()),
               f"image {sample}: {truth}, {predicted}")
        demand(abs(float(percent) - 100 * best[sample]) < 0.0061, f"image {sample}: {percent}")
        y, x = i // ACROSS * rows, i % ACROSS * cols
        demand((sheet[y:y + rows, x:x + cols] == images[sample]).all(),
               f"image {sample}: another picture")
    return len(figures)


def main():
    run, page, images, labels = sys.argv[1:]
    model, _ = read_checkpoint(newest_checkpoint(pathlib.Path(run))[1])
    with open(page, encoding="utf-8") as file:
        page = file.read()
    images, labels = read_idx(images, 3), read_idx(labels, 1)
    logits = compute_logits(model, images)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    matrix = np.zeros((model["classes"],) * 2, int)
    np.add.at(matrix, (labels, logits.argmax(axis=1)), 1)
    demand((read_matrix(page) == matrix).all(), f"NumPy's matrix is\n{matrix}")
    check_classes(page, matrix)
    listed = check_mistakes(page, probabilities, images, labels)
    print(f"{matrix.sum()} predictions and {listed} pictures are those of NumPy")


main()
