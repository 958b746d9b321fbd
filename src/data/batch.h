/* SPDX-License-Identifier: BSD-3-Clause */
/** Batches: bytes of chosen samples to rows of float. */
#ifndef SHARDNET_DATA_BATCH_H
#define SHARDNET_DATA_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"

/** Network input = byte * SN_INPUT_SCALE. */
#define SN_INPUT_SCALE (1.0 / 255.0)

/** X (count, features) and labels (count) of the samples (count) of a split.
 *  Allocates nothing. */
void sn_batch_gather(const sn_split *split, size_t features, const uint32_t *samples,
                     size_t count, float *x, uint8_t *labels);

/** x (count) of bytes (count). */
void sn_bytes_to_float(size_t count, const uint8_t *bytes, float *x);

#endif
