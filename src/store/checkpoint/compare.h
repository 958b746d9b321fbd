/* SPDX-License-Identifier: BSD-3-Clause */
/** Differences between two checkpoints.  Not collective; allocates nothing. */
#ifndef SHARDNET_STORE_CHECKPOINT_COMPARE_H
#define SHARDNET_STORE_CHECKPOINT_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/checkpoint/checkpoint.h"

/** Callback for an attribute that differs.  a and b are the values as text; numbers
 *  have enough digits to show the difference. */
typedef void sn_compare_difference(void *user, const char *name, const char *a,
                                   const char *b);

/** Compares the attributes of one group of the file: "/", "/model", "/progress" or
 *  "/data".  Skips the text of the configuration.  Calls differs, which may be NULL,
 *  for each difference and returns their number. */
size_t sn_compare_attributes(const sn_checkpoint_info *a, const sn_checkpoint_info *b,
                             const char *group, sn_compare_difference *differs,
                             void *user);

/** One tensor of two checkpoints. */
typedef struct sn_compare_tensor {
    char name[SN_TENSOR_NAME_BYTES];  /* path in the file */
    bool optimizer;                   /* a tensor of /optimizer, not of /model */
    int rank;                         /* 2 (out, in) or 1 (out) */
    int64_t out_a, in_a, out_b, in_b; /* 0 if that checkpoint lacks it */
    bool same_shape;                  /* if false, the fields below are 0 */
    int64_t count, differing;         /* values; those whose bits differ */
    double max_absolute;              /* max |a - b| */
    double max_relative;              /* max |a - b| / max(|a|, |b|): at most 2 */
} sn_compare_tensor;

/** Compares one tensor of a layer, 0 <= layer < the larger number of layers.  kind is
 *  an index of sn_tensor_kinds. */
void sn_compare_layer(const sn_checkpoint_state *a, const sn_checkpoint_state *b,
                      int64_t layer, int kind, sn_compare_tensor *result);

#endif
