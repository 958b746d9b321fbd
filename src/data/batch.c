/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/batch.h"

#include "base/numeric/parallel.h"
#include "base/numeric/real.h"

SN_HOT
void scale_bytes(size_t count, const uint8_t *restrict bytes, float *restrict x)
{
    for (size_t i = 0; i < count; i++) {
        x[i] = (float)bytes[i] * (float)SN_INPUT_SCALE;
    }
}

void sn_bytes_to_float(size_t count, const uint8_t *bytes, float *x)
{
    scale_bytes(count, bytes, x);
}

void sn_batch_gather(const sn_split *split, size_t features, const uint32_t *samples,
                     size_t count, float *x, uint8_t *labels)
{
    SN_PARALLEL_IF(count * features >= SN_PARALLEL_ELEMENTS)
    for (size_t i = 0; i < count; i++) {
        sn_bytes_to_float(features, split->images + (size_t)samples[i] * features,
                          x + i * features);
        labels[i] = split->labels[samples[i]];
    }
}
