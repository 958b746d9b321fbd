/* SPDX-License-Identifier: BSD-3-Clause */
/** A procedural set of handwritten-looking digits: strokes with random shape, slant,
 *  thickness and noise.  It is not MNIST; it stands in where neither MNIST nor a
 *  network is at hand, and for tests. */
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

/** The seed of `source = synthetic` and the default of `data synth`. */
#define SN_SYNTH_SEED UINT64_C(2017)

/** Draws samples first .. first + count - 1 of the set that belongs to seed: images
 *  (count, 28, 28) bytes, ink bright on black, and labels (count).  Deterministic: a
 *  sample depends on seed and its number alone, on every machine.  The test set of a
 *  data set of T training samples is first = T. */
void sn_synth_draw(uint64_t seed, size_t first, size_t count, uint8_t *images,
                   uint8_t *labels);

#endif
