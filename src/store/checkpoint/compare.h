/* SPDX-License-Identifier: BSD-3-Clause */
/** The differences between two checkpoints. */
#ifndef SHARDNET_STORE_CHECKPOINT_COMPARE_H
#define SHARDNET_STORE_CHECKPOINT_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/checkpoint/checkpoint.h"

/** Called for each attribute that differs, with both values as text (reals with enough
 *  digits to tell them apart). */
typedef void sn_compare_difference(void *user, const char *name, const char *a,
                                   const char *b);

/** Compares the attributes of a group of the file ("/", "/model", "/progress",
 * "/data"); the configuration's text is left out.  Returns the number of differences;
 * differs may be NULL. */
size_t sn_compare_attributes(const sn_checkpoint_info *a, const sn_checkpoint_info *b,
                             const char *group, sn_compare_difference *differs,
                             void *user);

/** One tensor of two checkpoints. */
typedef struct sn_compare_tensor {
    char name[SN_TENSOR_NAME_BYTES]; /* its path in the file */
    bool velocity;
    int rank;                         /* 2 (out, in) or 1 (out) */
    int64_t out_a, in_a, out_b, in_b; /* 0 where a side has no such layer */
    bool same_shape;                  /* the rest is meaningful only then */
    int64_t count, differing;         /* values; bit patterns decide */
    double max_absolute;              /* max |a - b| */
    double max_relative;              /* max |a - b| / max(|a|, |b|): at most 2 */
} sn_compare_tensor;

/** Compares tensor kind (0 weight, 1 bias, 2 velocity of weight, 3 velocity of bias) of
 *  a layer, 0 <= layer < the larger number of layers.  Not collective; allocates
 *  nothing. */
void sn_compare_layer(const sn_checkpoint_state *a, const sn_checkpoint_state *b,
                      int64_t layer, int kind, sn_compare_tensor *result);

#endif
