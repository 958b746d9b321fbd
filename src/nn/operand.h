/** Factors of a network's products: float32 and, where products are of bf16, a rounded
 *  copy beside it (internal to nn). */
#ifndef SHARDNET_NN_OPERAND_H
#define SHARDNET_NN_OPERAND_H

#include "nn/net.h"

typedef struct sn_operand {
    const sn_real *real;
    const uint16_t *bf16; /* NULL where products are of float32 */
} sn_operand;

/** X (capacity, input); real is the caller's. */
sn_operand sn_operand_input(const sn_workspace *workspace, const sn_real *x);

/** A, in the backward pass dZ, of layer l (capacity, out). */
sn_operand sn_operand_output(const sn_workspace *workspace, size_t l);

/** W of layer l (out, in). */
sn_operand sn_operand_weight(const sn_workspace *workspace, const sn_network *model,
                             size_t l, const sn_real *parameters);

/** The factor that begins so many elements later. */
sn_operand sn_operand_from(sn_operand factor, size_t elements);

/** Where a pass over output[l] (capacity, out) leaves its rounded copy; NULL for
 *  nowhere. */
uint16_t *sn_rounded_output(const sn_workspace *workspace, size_t l);

/** bf16 (count) := x (count) rounded; nothing for bf16 NULL. */
void sn_operand_round(size_t count, const sn_real *x, uint16_t *bf16);

/** The products of gemm.h in the workspace's backend: of bf16 where A has a rounded
 *  copy, and then B has one too. */
void sn_operand_nt(const sn_workspace *workspace, size_t m, size_t n, size_t k,
                   sn_operand a, sn_operand b, sn_real *c);
void sn_operand_nn(const sn_workspace *workspace, size_t m, size_t n, size_t k,
                   sn_operand a, sn_operand b, sn_real *c);
void sn_operand_tn(const sn_workspace *workspace, size_t m, size_t n, size_t k,
                   sn_operand a, size_t lda, sn_operand b, sn_real *c);

/** The part of sn_workspace_clear that sn_workspace_round has made. */
void sn_rounded_clear(sn_rounded *rounded, const sn_network *model);

#endif
