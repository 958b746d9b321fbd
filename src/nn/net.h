/* SPDX-License-Identifier: BSD-3-Clause */
/** Multilayer perceptrons.  None of these functions is collective.
 *
 *  Layer l maps A(l-1) (B, in) to A(l) (B, out):
 *      Z = A(l-1) Wt + 1 bt,  A(l) = f(Z);  the softmax uses Z of the last layer.
 *  Backward pass (Rumelhart, Hinton, Williams 1986), from dZ of the last layer:
 *      dW = dZt A(l-1),  db = dZt 1,  dA(l-1) = dZ W,  dZ(l-1) = dA(l-1) * f'(Z(l-1)).
 *
 *  Parameters, gradients and velocities are stored in one contiguous array each, the
 *  arena: weight (out, in) and bias (out) of the first layer, then of the next.  Each
 *  tensor starts at a multiple of 64 bytes; the padding is always zero. */
#ifndef SHARDNET_NN_NET_H
#define SHARDNET_NN_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/numeric/real.h"
#include "nn/activation.h"
#include "nn/dropout.h"
#include "nn/loss.h"
#include "nn/products/products.h"
#include "shardnet/status.h"

typedef struct sn_layer {
    size_t in, out;
    size_t weight, bias; /* offsets into an arena: weight (out, in), bias (out) */
} sn_layer;

typedef struct sn_network {
    size_t layers;     /* number of hidden layers + 1 */
    sn_layer *layer;   /* (layers), owned */
    size_t input;      /* number of values of a sample */
    size_t classes;    /* number of outputs */
    size_t parameters; /* number of weights and biases */
    size_t arena;      /* length of an arena, padding included */
    size_t widest;     /* largest out of all layers */
    sn_activation activation;
} sn_network;

/** Sets network to the layers input - hidden[0] - ... - classes; hidden (hidden_count)
 *  may be empty.  The caller calls sn_network_clear.
 *  Errors: SN_ECONFIG if a width is 0; SN_ERANGE if a size is too large; SN_ENOMEM. */
sn_status sn_network_init(sn_network *network, size_t input, const size_t *hidden,
                          size_t hidden_count, size_t classes, sn_activation activation,
                          sn_error *err) SN_MUST_CHECK;

/** Frees the memory of network and sets it to zero. */
void sn_network_clear(sn_network *network);

typedef enum sn_init {
    SN_INIT_UNIFORM, /* U(-scale, scale) */
    SN_INIT_XAVIER,  /* U(-r, r), r = scale sqrt(6 / (in + out)): Glorot, Bengio 2010 */
    SN_INIT_HE /* U(-r, r), r = scale sqrt(6 / in): variance 2 / in, He et al. 2015 */
} sn_init;

/** Sets parameters (arena): weights are drawn from the distribution kind, biases are 0.
 *  A weight is a function of seed, layer and its index in the layer. */
void sn_init_parameters(const sn_network *network, sn_init kind, double scale,
                        uint64_t seed, sn_real *parameters);

/** A backward pass calls its observer after each block of a product: the gradient from
 *  element first to the end of the arena is then final. */
typedef void sn_observer(void *user, size_t first);

/** Buffers of one layer. */
typedef struct sn_layer_buffers {
    sn_real *output; /* (capacity, out): A; in the backward pass dZ */
    uint16_t *bf16;  /* (capacity, out): output as bf16; NULL with precision fp32 */
    uint8_t *mask;   /* (capacity, out): dropout mask; NULL without dropout */
} sn_layer_buffers;

/** Memory for a forward and backward pass over at most capacity rows. */
typedef struct sn_workspace {
    size_t capacity;
    void *memory;            /* contains all buffers */
    sn_layer_buffers *layer; /* (layers) */
    sn_real *gradient;       /* (capacity, widest): dA */
    uint16_t *input_bf16;  /* (capacity, input): X as bf16; NULL with precision fp32 */
    sn_products *products; /* owned; sn_products_status has the first error */

    /* The owner sets these after sn_workspace_init. */
    const uint16_t
        *weights_bf16;      /* (arena): bf16 weights; required if input_bf16 is set */
    sn_backend backend;     /* library that computes the products */
    double label_smoothing; /* changes the targets of sn_net_gradient; in [0, 1) */
    sn_observer *observer;  /* NULL: no observer; each product is one block */
    void *observer_user;
} sn_workspace;

/** Loads OpenBLAS and allocates the buffers; the caller calls sn_workspace_clear.
 *  hidden_dropout requests masks.  With a precision other than fp32, sn_net_gradient
 *  rounds the operands of its products to bf16; sums, results and all other values stay
 *  float32.
 *  Errors: SN_ENOMEM, SN_ERANGE, SN_EINTERNAL; SN_ECONFIG if this CPU or build does not
 *  support the precision. */
sn_status sn_workspace_init(sn_workspace *workspace, const sn_network *network,
                            size_t capacity, bool hidden_dropout,
                            sn_precision precision, sn_error *err) SN_MUST_CHECK;

/** Frees the memory of workspace and sets it to zero. */
void sn_workspace_clear(sn_workspace *workspace);

/** Returns the bytes that sn_workspace_init allocates, without alignment and without
 *  the memory of oneDNN. */
size_t sn_workspace_bytes(const sn_network *network, size_t capacity,
                          bool hidden_dropout, sn_precision precision);

/** bf16 (arena) := the weights of parameters (arena), rounded to nearest, ties to even.
 *  Does not change the elements of biases and padding. */
void sn_network_weights_to_bf16(const sn_network *network, const sn_real *parameters,
                                uint16_t *bf16);

/** Result of sn_net_gradient. */
typedef struct sn_pass {
    sn_loss loss;
    int non_finite; /* 1 + the first layer whose dW is not finite; layers + 1 if only
                       the loss is not finite; 0 if all are finite */
    double forward_seconds; /* time of forward pass and loss; 0 if rows = 0 */
} sn_pass;

/** Computes the forward pass without dropout, with float32 operands for every
 *  precision.  parameters (arena), X (rows, input), rows <= capacity.  Returns the
 *  logits Z (rows, classes); the workspace owns them until its next pass.  Only
 *  products by oneDNN can allocate memory or fail: see sn_products_run. */
sn_real *sn_net_forward(const sn_network *network, const sn_real *parameters,
                        sn_workspace *workspace, const sn_real *x, size_t rows);

/** Computes forward pass, loss and backward pass.  gradient (arena) := the SUM over the
 *  rows of dLoss/dParameter; zero if rows = 0.  parameters (arena), X (rows, input),
 *  labels (rows), rows <= capacity.  Input dropout overwrites X.  samples (rows) are
 *  keys of the dropout masks.  No aliasing.  Only products by oneDNN can
 *  allocate memory or fail: see sn_products_run. */
sn_pass sn_net_gradient(const sn_network *network, const sn_real *parameters,
                        sn_workspace *workspace, sn_real *x, const uint8_t *labels,
                        const uint32_t *samples, size_t rows, const sn_dropout *dropout,
                        sn_real *gradient);

/** Computes only the matrix products of sn_net_gradient, with the same buffers and in
 *  the same order, to measure their time.  Returns the seconds of all products;
 *  *forward_seconds := those of the forward pass.  X (rows, input), rows <= capacity.
 *  Clobbers the workspace and gradient (arena). */
double sn_net_time_products(const sn_network *network, const sn_real *parameters,
                            const sn_workspace *workspace, const sn_real *x,
                            size_t rows, sn_real *gradient, double *forward_seconds);

/** Returns the number of floating-point operations of these products; a multiplication
 *  and an addition are two.  A product has 2 rows in out operations, and a layer has
 *  three products: Z, dW and, except in the first layer, dA. */
double sn_net_product_flops(const sn_network *network, size_t rows);

#endif
