/* SPDX-License-Identifier: BSD-3-Clause */
/** Multilayer perceptrons over flat arenas.
 *
 *  Layer l maps A(l-1) (B, in) to A(l) (B, out):
 *      Z = A(l-1) Wt + 1 bt,  A(l) = f(Z);  the last layer's Z goes to the softmax.
 *  Backward (Rumelhart, Hinton, Williams 1986), from dZ of the last layer:
 *      dW = dZt A(l-1),  db = dZt 1,  dA(l-1) = dZ W,  dZ(l-1) = dA(l-1) * f'(Z(l-1)).
 *  Parameters, gradients and velocities are one arena each; every tensor starts at a
 *  multiple of 64 bytes, the padding is zero and stays zero. */
#ifndef SHARDNET_NN_NET_H
#define SHARDNET_NN_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/real.h"
#include "nn/activation.h"
#include "nn/dropout.h"
#include "nn/loss.h"
#include "nn/products/gemm_bf16.h"
#include "shardnet/status.h"

typedef struct sn_layer {
    size_t in, out;
    size_t weight, bias; /* offsets into an arena: weight (out, in), bias (out) */
} sn_layer;

typedef struct sn_network {
    size_t layers; /* weight layers: hidden layers + 1 */
    sn_layer *layer;
    size_t input, classes;
    size_t parameters; /* without padding */
    size_t arena;      /* elements of an arena, with padding */
    size_t widest;     /* largest layer output */
    sn_activation activation;
} sn_network;

/** A model input - hidden[0] - ... - classes.  hidden_count may be 0.  The model owns
 *  its layer table.  SN_ECONFIG for a zero width, SN_ERANGE, SN_ENOMEM. */
sn_status sn_network_init(sn_network *network, size_t input, const size_t *hidden,
                          size_t hidden_count, size_t classes, sn_activation activation,
                          sn_error *err) SN_MUST_CHECK;
void sn_network_clear(sn_network *network);

typedef enum sn_init {
    SN_INIT_UNIFORM, /* U(-scale, scale) */
    SN_INIT_XAVIER,  /* U(-r, r), r = scale sqrt(6 / (in + out)): Glorot, Bengio 2010 */
    SN_INIT_HE /* U(-r, r), r = scale sqrt(6 / in): variance 2 / in, He et al. 2015 */
} sn_init;

/** Fills parameters (arena): weights as kind says, biases zero.  A weight depends on
 *  seed, layer and its index alone. */
void sn_init_parameters(const sn_network *network, sn_init kind, double scale,
                        uint64_t seed, sn_real *parameters);

/** Told during a backward pass, between pieces of its products, that the gradient from
 *  element first to the end of the arena is final. */
typedef void sn_observer(void *user, size_t first);

/** Buffers of one layer. */
typedef struct sn_layer_buffers {
    sn_real *output; /* (capacity, out): A, then dZ */
    uint16_t *bf16;  /* output rounded, or NULL where products are of float32 */
    uint8_t *mask;   /* (capacity, out) of a hidden layer, or NULL without dropout */
} sn_layer_buffers;

/** Memory for a forward and backward pass over up to capacity rows. */
typedef struct sn_workspace {
    size_t capacity;
    void *memory; /* of all buffers */
    sn_layer_buffers *layer;
    sn_real *gradient;    /* (capacity, widest) */
    uint16_t *input_bf16; /* (capacity, input), or NULL as above */
    sn_gemm_bf16 *gemm;   /* NULL where products are of float32 */

    /* set by the owner */
    const uint16_t
        *weights_bf16;  /* (arena), where gemm is set: see sn_network_weights_to_bf16 */
    sn_backend backend; /* of the products */
    sn_observer *observer; /* or NULL: then each product is computed in one piece */
    void *observer_user;
} sn_workspace;

/** Makes the buffers.  hidden_dropout requests masks.  With a precision other than fp32
 *  the factors of sn_net_gradient's products are rounded to bf16; sums, results and
 *  everything between products stay float32.  The owner then sets weights_bf16 before
 *  the first gradient.  SN_ENOMEM, SN_ERANGE, SN_ECONFIG where precision cannot be,
 *  SN_EINTERNAL. */
sn_status sn_workspace_init(sn_workspace *workspace, const sn_network *network,
                            size_t capacity, bool hidden_dropout,
                            sn_precision precision, sn_error *err) SN_MUST_CHECK;
void sn_workspace_clear(sn_workspace *workspace);

/** Memory that _init takes.  Pure. */
size_t sn_workspace_bytes(const sn_network *network, size_t capacity,
                          bool hidden_dropout, sn_precision precision);

/** bf16 (arena) := the weights of parameters (arena) rounded to nearest, ties to even.
 *  Elements that are no weights are left as they are. */
void sn_network_weights_to_bf16(const sn_network *network, const sn_real *parameters,
                                uint16_t *bf16);

/** What a backward pass found. */
typedef struct sn_pass {
    sn_loss loss;
    int non_finite; /* 0, or 1 + the first layer whose gradient is not finite; layers +
                       1 when the loss alone is not */
    double forward_seconds; /* forward and loss, 0 without rows; backward is the rest */
} sn_pass;

/** Forward without dropout, in float32 whatever the precision of the workspace.
 *  parameters (arena), X (rows, input), rows <= capacity.
 *  Returns the logits (rows, classes), which belong to the workspace. */
sn_real *sn_net_forward(const sn_network *network, const sn_real *parameters,
                        sn_workspace *workspace, const sn_real *x, size_t rows);

/** Forward, loss and backward over rows (may be 0) samples.  gradient (arena) is
 *  overwritten with the SUM over the rows of dLoss/dParameter.  X (rows, input) is
 *  overwritten where input dropout is on.  samples (rows) key the dropout masks.
 *  Allocates nothing but what products in bf16 do (see gemm_bf16.h, also for their
 *  failures). */
sn_pass sn_net_gradient(const sn_network *network, const sn_real *parameters,
                        sn_workspace *workspace, sn_real *x, const uint8_t *labels,
                        const uint32_t *samples, size_t rows, const sn_dropout *dropout,
                        sn_real *gradient);

/** Computes the matrix products of sn_net_gradient alone, forward and backward, on the
 *  same buffers in the same order, for measurements: seconds of all and, in
 *  *forward_seconds, of the forward pass.  It leaves nothing of use in workspace and
 *  gradient (arena).  X (rows, input), rows <= capacity; no rows, no products. */
double sn_net_time_products(const sn_network *network, const sn_real *parameters,
                            const sn_workspace *workspace, const sn_real *x,
                            size_t rows, sn_real *gradient, double *forward_seconds);

/** Floating-point operations of these products, a multiplication and an addition
 * counted as two: 2 rows in out for each of two products a layer in the backward pass
 * (one in the first layer) and one in the forward pass. */
double sn_net_product_flops(const sn_network *network, size_t rows);

#endif
