/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/net.h"

#include <math.h>
#include <string.h>

#include "base/numeric/parallel.h"
#include "base/system/clock.h"
#include "nn/products/bf16.h"

/* An operand of a product: float32 values, and their bf16 copy if products use bf16. */
typedef struct operand {
    const sn_real *real;
    const uint16_t *bf16;
} operand;

/* Returns A of layer l (capacity, out), or dZ in the backward pass. */
static operand output_operand(const sn_workspace *workspace, size_t l)
{
    return (operand){workspace->layer[l].output, workspace->layer[l].bf16};
}

/* Returns the input of layer l (capacity, in). */
static operand input_operand(const sn_workspace *workspace, size_t l, operand input)
{
    return l == 0 ? input : output_operand(workspace, l - 1);
}

static operand operand_from(operand whole, size_t first)
{
    return (operand){whole.real + first,
                     whole.bf16 == NULL ? NULL : whole.bf16 + first};
}

/* Returns the weights (out, in) that begin at an offset into the arena. */
static operand weight_operand(const sn_workspace *workspace, size_t offset,
                              const sn_real *parameters)
{
    return operand_from((operand){parameters, workspace->weights_bf16}, offset);
}

/* C = op(A) op(B), with bf16 operands if A has a bf16 copy; B then has one too. */
static void multiply(const sn_workspace *workspace, const sn_gemm_shape *shape,
                     operand a, operand b, sn_real *c)
{
    if (a.bf16 == NULL) {
        sn_products_run(workspace->products, workspace->backend, shape, a.real, b.real,
                        c);
    } else {
        sn_products_run_bf16(workspace->products, workspace->backend, shape, a.bf16,
                             b.bf16, c);
    }
}

/* Computes the rows begin .. end - 1 of A of layer l from its product, in place: bias,
 * activation and, in training, dropout and the bf16 copy.  dropout is NULL in
 * evaluation. */
static void finish_rows(const sn_network *network, size_t l, const sn_real *parameters,
                        const sn_workspace *workspace, const uint32_t *samples,
                        size_t begin, size_t end, const sn_dropout *dropout)
{
    const sn_layer *layer = &network->layer[l];
    const sn_layer_buffers *buffers = &workspace->layer[l];
    const size_t out = layer->out, first = begin * out;
    const size_t count = (end - begin) * out;
    sn_real *a = buffers->output + first;
    sn_bias_add(end - begin, out, parameters + layer->bias, a);
    if (l + 1 == network->layers) {
        return;
    }
    sn_activate(network->activation, count, a);
    if (dropout != NULL && dropout->hidden > 0) {
        for (size_t i = begin; i < end; i++) {
            sn_dropout_apply(dropout->hidden, dropout->seed, dropout->epoch,
                             (uint32_t)l + 1, samples[i], out,
                             buffers->output + i * out, buffers->mask + i * out);
        }
    }
    if (dropout != NULL && buffers->bf16 != NULL) {
        sn_bf16_from_float(count, a, buffers->bf16 + first);
    }
}

/* Computes A (rows, out) of layer l from its product, a few rows at a time while they
 * are in the cache. */
static void finish_layer(const sn_network *network, size_t l, const sn_real *parameters,
                         const sn_workspace *workspace, const uint32_t *samples,
                         size_t rows, const sn_dropout *dropout)
{
    enum { CHUNK = 1 << 12 };
    const size_t out = network->layer[l].out;
    const size_t block = out < CHUNK ? CHUNK / out : 1;
    SN_PARALLEL_IF(rows * out >= SN_PARALLEL_ELEMENTS)
    for (size_t i = 0; i < rows; i += block) {
        finish_rows(network, l, parameters, workspace, samples, i,
                    rows - i < block ? rows : i + block, dropout);
    }
}

/* Computes A(l-1) Wt of layer l. */
static void forward_product(const sn_network *network, size_t l,
                            const sn_real *parameters, const sn_workspace *workspace,
                            operand input, size_t rows)
{
    const sn_layer *layer = &network->layer[l];
    const sn_gemm_shape shape = {.transpose_b = true,
                                 .m = rows,
                                 .n = layer->out,
                                 .k = layer->in,
                                 .lda = layer->in,
                                 .ldb = layer->in};
    multiply(workspace, &shape, input,
             weight_operand(workspace, layer->weight, parameters),
             workspace->layer[l].output);
}

/* Computes all layers and returns Z of the last.  dropout and samples are NULL in
 * evaluation; x has no bf16 copy then. */
static sn_real *forward(const sn_network *network, const sn_real *parameters,
                        sn_workspace *workspace, operand x, const uint32_t *samples,
                        size_t rows, const sn_dropout *dropout)
{
    for (size_t l = 0; l < network->layers; l++) {
        forward_product(network, l, parameters, workspace, x, rows);
        finish_layer(network, l, parameters, workspace, samples, rows, dropout);
        x = output_operand(workspace, l);
        x.bf16 = dropout == NULL ? NULL : x.bf16;
    }
    return workspace->layer[network->layers - 1].output;
}

sn_real *sn_net_forward(const sn_network *network, const sn_real *parameters,
                        sn_workspace *workspace, const sn_real *x, size_t rows)
{
    return forward(network, parameters, workspace, (operand){x, NULL}, NULL, rows,
                   NULL);
}

/* Prepares X for the first layer: dropout and the bf16 copy. */
static operand prepare_input(const sn_network *network, const sn_workspace *workspace,
                             sn_real *x, const uint32_t *samples, size_t rows,
                             const sn_dropout *dropout)
{
    const size_t input = network->input;
    uint16_t *bf16 = workspace->input_bf16;
    const size_t busy = dropout->input > 0 || bf16 != NULL ? rows : 0;
    SN_PARALLEL_IF(busy * input >= SN_PARALLEL_ELEMENTS)
    for (size_t i = 0; i < busy; i++) {
        sn_real *row = x + i * input;
        if (dropout->input > 0) {
            sn_dropout_apply(dropout->input, dropout->seed, dropout->epoch, 0,
                             samples[i], input, row, NULL);
        }
        if (bf16 != NULL) {
            sn_bf16_from_float(input, row, bf16 + i * input);
        }
    }
    return (operand){x, bf16};
}

/* x * 0 is 0 for every finite x and NaN for all others. */
SN_HOT
int chunk_is_finite(size_t count, const sn_real *x)
{
    sn_real partial[16] = {0};
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        for (size_t j = 0; j < 16; j++) {
            partial[j] += x[i + j] * 0;
        }
    }
    sn_real sum = 0;
    for (; i < count; i++) {
        sum += x[i] * 0;
    }
    for (size_t j = 0; j < 16; j++) {
        sum += partial[j];
    }
    return sum == 0;
}

static int all_finite(size_t count, const sn_real *x)
{
    enum { CHUNK = 1 << 14 };
    int bad = 0;
    SN_PARALLEL_OR(count >= SN_PARALLEL_ELEMENTS, bad)
    for (size_t first = 0; first < count; first += CHUNK) {
        bad |=
            !chunk_is_finite(count - first < CHUNK ? count - first : CHUNK, x + first);
    }
    return !bad;
}

/* Returns the number of rows of a product that are computed between two calls of the
 * observer: all rows if there is no observer, else a few milliseconds of one core.  The
 * library packs the other operand again for each block; with blocks an eighth of this
 * size, a product took 50 % more time. */
static size_t block_rows(const sn_workspace *workspace, size_t rows,
                         size_t flop_per_row)
{
    static const size_t block_flop = 256000000;
    const size_t block = block_flop / (flop_per_row + 1) + 1;
    return workspace->observer != NULL && block < rows ? block : rows;
}

static void observe(const sn_workspace *workspace, size_t first)
{
    if (workspace->observer != NULL) {
        workspace->observer(workspace->observer_user, first);
    }
}

/* Computes dW = dZt A(l-1) of layer l from its last row to its first, because the
 * gradient is final from the end of the arena on. */
static void weight_gradient(const sn_network *network, size_t l,
                            const sn_workspace *workspace, operand input, size_t rows,
                            sn_real *gradient)
{
    const operand dz = output_operand(workspace, l);
    const sn_layer *layer = &network->layer[l];
    const size_t block = block_rows(workspace, layer->out, 2 * rows * layer->in);
    for (size_t end = layer->out, begin; end > 0; end = begin) {
        begin = end > block ? end - block : 0;
        const size_t first = layer->weight + begin * layer->in;
        const sn_gemm_shape shape = {.transpose_a = true,
                                     .m = end - begin,
                                     .n = layer->in,
                                     .k = rows,
                                     .lda = layer->out,
                                     .ldb = layer->in};
        multiply(workspace, &shape, operand_from(dz, begin), input, gradient + first);
        observe(workspace, first);
    }
}

/* Computes dA(l-1) = dZ W into workspace->gradient.  It calls the observer after each
 * block too, with the first element that was already final. */
static void input_gradient(const sn_network *network, size_t l,
                           const sn_real *parameters, const sn_workspace *workspace,
                           size_t rows)
{
    const sn_layer *layer = &network->layer[l];
    const operand dz = output_operand(workspace, l);
    const operand weight = weight_operand(workspace, layer->weight, parameters);
    const size_t block = block_rows(workspace, rows, 2 * layer->in * layer->out);
    for (size_t begin = 0, end; begin < rows; begin = end) {
        end = rows - begin > block ? begin + block : rows;
        const sn_gemm_shape shape = {.m = end - begin,
                                     .n = layer->in,
                                     .k = layer->out,
                                     .lda = layer->out,
                                     .ldb = layer->in};
        multiply(workspace, &shape, operand_from(dz, begin * layer->out), weight,
                 workspace->gradient + begin * layer->in);
        observe(workspace, layer->weight);
    }
}

/* Computes dZ(l-1) from dA(l-1) and the dropout mask; it overwrites A(l-1). */
static void backward_activation(const sn_network *network, size_t l,
                                sn_workspace *workspace, size_t rows,
                                const sn_dropout *dropout)
{
    enum { CHUNK = 1 << 12 };
    const size_t count = rows * network->layer[l].in;
    const sn_layer_buffers *buffers = &workspace->layer[l - 1];
    SN_PARALLEL_IF(count >= SN_PARALLEL_ELEMENTS)
    for (size_t first = 0; first < count; first += CHUNK) {
        const size_t chunk = count - first < CHUNK ? count - first : CHUNK;
        sn_real *da = workspace->gradient + first;
        sn_real *a = buffers->output + first;
        if (dropout->hidden > 0) {
            sn_dropout_backward(dropout->hidden, chunk, buffers->mask + first, da, a);
        }
        sn_activation_backward(network->activation, chunk, da, a);
        if (buffers->bf16 != NULL) {
            sn_bf16_from_float(chunk, a, buffers->bf16 + first);
        }
    }
}

sn_pass sn_net_gradient(const sn_network *network, const sn_real *parameters,
                        sn_workspace *workspace, sn_real *x, const uint8_t *labels,
                        const uint32_t *samples, size_t rows, const sn_dropout *dropout,
                        sn_real *gradient)
{
    sn_pass pass = {0};
    if (rows == 0) {
        memset(gradient, 0, network->arena * sizeof *gradient);
        return pass;
    }
    const double begun = sn_clock_seconds();
    const operand input = prepare_input(network, workspace, x, samples, rows, dropout);
    sn_real *z = forward(network, parameters, workspace, input, samples, rows, dropout);
    pass.loss = sn_softmax_gradient(rows, network->classes, labels,
                                    workspace->label_smoothing, z);
    if (workspace->input_bf16 != NULL) {
        sn_bf16_from_float(rows * network->classes, z,
                           workspace->layer[network->layers - 1].bf16);
    }
    pass.forward_seconds = sn_clock_seconds() - begun;
    if (!isfinite(pass.loss.sum)) {
        pass.non_finite = (int)network->layers + 1;
    }
    for (size_t l = network->layers; l-- > 0;) {
        const sn_layer *layer = &network->layer[l];
        sn_bias_gradient(rows, layer->out, workspace->layer[l].output,
                         gradient + layer->bias);
        weight_gradient(network, l, workspace, input_operand(workspace, l, input), rows,
                        gradient);
        if (!all_finite(layer->out * layer->in, gradient + layer->weight)) {
            pass.non_finite = (int)l + 1;
        }
        if (l > 0) {
            input_gradient(network, l, parameters, workspace, rows);
            backward_activation(network, l, workspace, rows, dropout);
        }
    }
    return pass;
}

double sn_net_time_products(const sn_network *network, const sn_real *parameters,
                            const sn_workspace *workspace, const sn_real *x,
                            size_t rows, sn_real *gradient, double *forward_seconds)
{
    const operand input = {x, workspace->input_bf16};
    sn_workspace unobserved = *workspace;
    unobserved.observer = NULL;
    const size_t layers = rows > 0 ? network->layers : 0;
    const double begun = sn_clock_seconds();
    for (size_t l = 0; l < layers; l++) {
        forward_product(network, l, parameters, workspace,
                        input_operand(workspace, l, input), rows);
    }
    *forward_seconds = sn_clock_seconds() - begun;
    for (size_t l = layers; l-- > 0;) {
        weight_gradient(network, l, &unobserved, input_operand(workspace, l, input),
                        rows, gradient);
        if (l > 0) {
            input_gradient(network, l, parameters, &unobserved, rows);
        }
    }
    return sn_clock_seconds() - begun;
}
