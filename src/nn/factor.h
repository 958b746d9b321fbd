/** Factors of a network's products: float32 and, where products are of bf16, a rounded
 *  copy beside it (internal to nn). */
#ifndef SHARDNET_NN_FACTOR_H
#define SHARDNET_NN_FACTOR_H

#include "nn/net.h"

typedef struct sn_factor {
    const sn_real *real;
    const uint16_t *bf16; /* NULL where products are of float32 */
} sn_factor;

/** X (capacity, input); real is the caller's. */
sn_factor sn_factor_input(const sn_workspace *workspace, const sn_real *x);

/** A, in the backward pass dZ, of layer l (capacity, out). */
sn_factor sn_factor_output(const sn_workspace *workspace, size_t l);

/** W of layer l (out, in). */
sn_factor sn_factor_weight(const sn_workspace *workspace, const sn_model *model,
                           size_t l, const sn_real *parameters);

/** The factor that begins so many elements later. */
sn_factor sn_factor_from(sn_factor factor, size_t elements);

/** Where a pass over output[l] (capacity, out) leaves its rounded copy; NULL for
 *  nowhere. */
uint16_t *sn_rounded_output(const sn_workspace *workspace, size_t l);

/** bf16 (count) := x (count) rounded; nothing for bf16 NULL. */
void sn_factor_round(size_t count, const sn_real *x, uint16_t *bf16);

/** The products of gemm.h in the workspace's backend: of bf16 where A has a rounded
 *  copy, and then B has one too. */
void sn_factor_nt(const sn_workspace *workspace, size_t m, size_t n, size_t k,
                  sn_factor a, sn_factor b, sn_real *c);
void sn_factor_nn(const sn_workspace *workspace, size_t m, size_t n, size_t k,
                  sn_factor a, sn_factor b, sn_real *c);
void sn_factor_tn(const sn_workspace *workspace, size_t m, size_t n, size_t k,
                  sn_factor a, size_t lda, sn_factor b, sn_real *c);

/** The part of sn_workspace_clear that sn_workspace_round has made. */
void sn_rounded_clear(sn_rounded *rounded, const sn_model *model);

#endif
