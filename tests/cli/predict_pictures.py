#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws an image of a plain IDX file as pictures of several kinds, for `shardnet predict`.

    predict_pictures.py IMAGES INDEX OUT"""
import os
import sys

import numpy
from PIL import Image


def main():
    images, index, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with open(images, "rb") as file:
        data = file.read()
    ink = numpy.frombuffer(data, numpy.uint8, 784, 16 + 784 * index).reshape(28, 28)
    ink = numpy.kron(ink, numpy.ones((4, 4), numpy.uint8))
    paper = 255 - ink
    os.makedirs(out)

    def draw(name, array, **options):
        Image.fromarray(array).save(f"{out}/{name}", **options)

    draw("dark.png", paper)
    draw("dark.jpg", paper, quality=90)
    draw("progressive.jpg", numpy.stack([paper] * 3, axis=2), progressive=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the file must be turned clockwise
    draw("turned.jpg", numpy.rot90(paper).copy(), quality=90, exif=exif)
    for name, level in ("light", 230), ("black", 0):
        clear = numpy.full((112, 112, 4), level, numpy.uint8)
        clear[..., 3] = ink
        draw(f"{name}-on-clear.png", clear)
    draw("pair.png", numpy.hstack([paper, paper]))
    framed = paper.copy()
    framed[4:-4, 4:8] = framed[4:-4, -8:-4] = framed[4:8, 4:-4] = framed[-8:-4, 4:-4] = 0
    draw("framed.png", framed)
    strip = paper.copy()
    strip[:, :10] = 30
    draw("strip.png", strip)
    noise = numpy.random.default_rng(5).integers(0, 2, (7, 7), numpy.uint8) * 255
    draw("noise.png", numpy.pad(numpy.kron(noise, numpy.ones((12, 12), numpy.uint8)), 14))


main()
