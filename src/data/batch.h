/* SPDX-License-Identifier: BSD-3-Clause */
/** Conversion of samples from bytes to network inputs.  None of these functions is
 *  collective or allocates. */
#ifndef SHARDNET_DATA_BATCH_H
#define SHARDNET_DATA_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"

/** A network input is a byte times SN_INPUT_SCALE, in [0, 1]. */
#define SN_INPUT_SCALE (1.0 / 255.0)

/** x (count, features), labels (count) := inputs and labels of samples (count), which
 *  are indices into split. */
void sn_batch_gather(const sn_split *split, size_t features, const uint32_t *samples,
                     size_t count, float *x, uint8_t *labels);

/** x (count) := bytes (count) * SN_INPUT_SCALE. */
void sn_bytes_to_float(size_t count, const uint8_t *bytes, float *x);

#endif
