/* SPDX-License-Identifier: BSD-3-Clause */
/** Synthetic images of handwritten digits, for tests and for machines without MNIST:
 *  pen strokes with random shape, slant, thickness and noise.  They are not MNIST. */
#ifndef SHARDNET_DATA_SYNTH_H
#define SHARDNET_DATA_SYNTH_H

#include <stddef.h>
#include <stdint.h>

enum {
    SN_SYNTH_ROWS = 28,
    SN_SYNTH_COLS = 28,
    SN_SYNTH_CLASSES = 10,
    SN_SYNTH_TRAIN_COUNT = 20000,
    SN_SYNTH_TEST_COUNT = 4000
};

/** Seed of `source = synthetic`, and default of `shardnet data synth`. */
#define SN_SYNTH_SEED UINT64_C(2017)

/** Draws the samples first .. first + count - 1 of the sequence of seed: images (count,
 *  28, 28) bytes, bright ink on black, and labels (count).  A sample is a function of
 *  seed and its number, and has the same bytes on every machine.  The test samples of a
 *  data set with T training samples start at first = T.  Not collective; allocates
 *  nothing. */
void sn_synth_draw(uint64_t seed, size_t first, size_t count, uint8_t *images,
                   uint8_t *labels);

#endif
