/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/net.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "nn/products/bf16.h"

/* A factor of a product: float32 and, where products are of bf16, the rounded copy. */
typedef struct operand {
    const sn_real *real;
    const uint16_t *bf16;
} operand;

/* A, in the backward pass dZ, of layer l (capacity, out). */
static operand output_operand(const sn_workspace *workspace, size_t l)
{
    return (operand){workspace->layer[l].output, workspace->layer[l].bf16};
}

/* The input of layer l (capacity, in). */
static operand operand_below(const sn_workspace *workspace, size_t l, operand input)
{
    return l == 0 ? input : output_operand(workspace, l - 1);
}

static operand operand_from(operand factor, size_t elements)
{
    return (operand){factor.real + elements,
                     factor.bf16 == NULL ? NULL : factor.bf16 + elements};
}

/* The weights (out, in) that begin at an offset into the arena. */
static operand weight_operand(const sn_workspace *workspace, size_t offset,
                              const sn_real *parameters)
{
    return operand_from((operand){parameters, workspace->weights_bf16}, offset);
}

/* C = op(A) op(B): of bf16 where A has a rounded copy, and then B has one too. */
static void multiply(const sn_workspace *workspace, const sn_gemm_shape *shape,
                     operand a, operand b, sn_real *c)
{
    if (a.bf16 == NULL) {
        sn_gemm(workspace->backend, shape, a.real, b.real, c);
    } else {
        sn_gemm_bf16_run(workspace->gemm, workspace->backend, shape, a.bf16, b.bf16, c);
    }
}

/* A of layer l from its Z, in place: bias, activation and, in training, dropout's mask
 * and the rounded copy, on each row while it is in the cache.  dropout NULL for none,
 * in evaluation. */
static void finish_layer(const sn_network *network, size_t l, const sn_real *parameters,
                         sn_workspace *workspace, const uint32_t *samples, size_t rows,
                         const sn_dropout *dropout)
{
    const sn_layer *layer = &network->layer[l];
    const size_t out = layer->out;
    const sn_real *bias = parameters + layer->bias;
    const int hidden = l + 1 < network->layers;
    const sn_layer_buffers *buffers = &workspace->layer[l];
    uint16_t *bf16 = dropout == NULL ? NULL : buffers->bf16;
    SN_PARALLEL_IF(rows * out >= SN_PARALLEL_ELEMENTS)
    for (size_t i = 0; i < rows; i++) {
        sn_real *row = buffers->output + i * out;
        if (!hidden) {
            sn_bias_add(out, bias, row);
            continue;
        }
        sn_bias_activate(network->activation, out, bias, row);
        if (dropout != NULL && dropout->hidden > 0) {
            sn_dropout_apply(dropout->hidden, dropout->seed, dropout->epoch,
                             (uint32_t)l + 1, samples[i], out, row,
                             buffers->mask + i * out);
        }
        if (bf16 != NULL) {
            sn_bf16_from_float(out, row, bf16 + i * out);
        }
    }
}

/* Z of layer l from the layer below it, without the bias. */
static void outputs(const sn_network *network, size_t l, const sn_real *parameters,
                    const sn_workspace *workspace, operand below, size_t rows)
{
    const sn_layer *layer = &network->layer[l];
    const sn_gemm_shape shape = {.transpose_b = true,
                                 .m = rows,
                                 .n = layer->out,
                                 .k = layer->in,
                                 .lda = layer->in,
                                 .ldb = layer->in};
    multiply(workspace, &shape, below,
             weight_operand(workspace, layer->weight, parameters),
             workspace->layer[l].output);
}

/* All layers; dropout and samples NULL in evaluation, whose x has no rounded copy. */
static sn_real *forward(const sn_network *network, const sn_real *parameters,
                        sn_workspace *workspace, operand x, const uint32_t *samples,
                        size_t rows, const sn_dropout *dropout)
{
    for (size_t l = 0; l < network->layers; l++) {
        outputs(network, l, parameters, workspace, x, rows);
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

/* Prepares X for the first layer: dropout and the rounded copy. */
static operand take_inputs(const sn_network *network, const sn_workspace *workspace,
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

/* x * 0 is 0 for every finite x and NaN for the others. */
SN_HOT
static int finite_part(size_t count, const sn_real *x)
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
    enum { PART = 1 << 14 };
    int bad = 0;
    SN_PARALLEL_OR(count >= SN_PARALLEL_ELEMENTS, bad)
    for (size_t first = 0; first < count; first += PART) {
        bad |= !finite_part(count - first < PART ? count - first : PART, x + first);
    }
    return !bad;
}

/* Rows of a product that are computed between two calls of the observer; all of them
 * where there is none.  A few milliseconds of one core: every piece packs the other
 * factor again, which made pieces an eighth of this size cost half a product more. */
static size_t piece_rows(const sn_workspace *workspace, size_t rows,
                         size_t flop_per_row)
{
    static const size_t piece_flop = 256000000;
    const size_t piece = piece_flop / (flop_per_row + 1) + 1;
    return workspace->observer != NULL && piece < rows ? piece : rows;
}

static void observe(const sn_workspace *workspace, size_t first)
{
    if (workspace->observer != NULL) {
        workspace->observer(workspace->observer_user, first);
    }
}

/* dW of layer l.  The last units come first: what is final grows downwards. */
static void weight_gradient(const sn_network *network, size_t l,
                            const sn_workspace *workspace, operand below, size_t rows,
                            sn_real *gradient)
{
    const operand dz = output_operand(workspace, l);
    const sn_layer *layer = &network->layer[l];
    const size_t piece = piece_rows(workspace, layer->out, 2 * rows * layer->in);
    for (size_t end = layer->out, begin; end > 0; end = begin) {
        begin = end > piece ? end - piece : 0;
        const size_t first = layer->weight + begin * layer->in;
        const sn_gemm_shape shape = {.transpose_a = true,
                                     .m = end - begin,
                                     .n = layer->in,
                                     .k = rows,
                                     .lda = layer->out,
                                     .ldb = layer->in};
        multiply(workspace, &shape, operand_from(dz, begin), below, gradient + first);
        observe(workspace, first);
    }
}

/* dA(l-1) = dZ(l) W(l) into the workspace.  Nothing more of the gradient is final. */
static void input_gradient(const sn_network *network, size_t l,
                           const sn_real *parameters, const sn_workspace *workspace,
                           size_t rows)
{
    const sn_layer *layer = &network->layer[l];
    const operand dz = output_operand(workspace, l);
    const operand weight = weight_operand(workspace, layer->weight, parameters);
    const size_t piece = piece_rows(workspace, rows, 2 * layer->in * layer->out);
    for (size_t begin = 0, end; begin < rows; begin = end) {
        end = rows - begin > piece ? begin + piece : rows;
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

/* dZ(l-1) into the buffers of A(l-1), given dA(l-1) and dropout's mask. */
static void backward_activation(const sn_network *network, size_t l,
                                sn_workspace *workspace, size_t rows,
                                const sn_dropout *dropout)
{
    enum { PART = 1 << 12 };
    const size_t count = rows * network->layer[l].in;
    const sn_layer_buffers *buffers = &workspace->layer[l - 1];
    SN_PARALLEL_IF(count >= SN_PARALLEL_ELEMENTS)
    for (size_t first = 0; first < count; first += PART) {
        const size_t part = count - first < PART ? count - first : PART;
        sn_real *da = workspace->gradient + first;
        sn_real *a = buffers->output + first;
        if (dropout->hidden > 0) {
            sn_dropout_backward(dropout->hidden, part, buffers->mask + first, da, a);
        }
        sn_activation_backward(network->activation, part, da, a);
        if (buffers->bf16 != NULL) {
            sn_bf16_from_float(part, a, buffers->bf16 + first);
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
    const operand input = take_inputs(network, workspace, x, samples, rows, dropout);
    sn_real *z = forward(network, parameters, workspace, input, samples, rows, dropout);
    pass.loss = sn_softmax_gradient(rows, network->classes, labels, z);
    if (workspace->gemm != NULL) {
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
        weight_gradient(network, l, workspace, operand_below(workspace, l, input), rows,
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
        outputs(network, l, parameters, workspace, operand_below(workspace, l, input),
                rows);
    }
    *forward_seconds = sn_clock_seconds() - begun;
    for (size_t l = layers; l-- > 0;) {
        weight_gradient(network, l, &unobserved, operand_below(workspace, l, input),
                        rows, gradient);
        if (l > 0) {
            input_gradient(network, l, parameters, &unobserved, rows);
        }
    }
    return sn_clock_seconds() - begun;
}
