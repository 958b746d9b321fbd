#include "nn/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "nn/operand.h"

/* Elements rounded up so that the next tensor is aligned. */
static size_t padded(size_t count)
{
    const size_t unit = SN_ALIGNMENT / sizeof(sn_real);
    return (count + unit - 1) / unit * unit;
}

static sn_status add_layer(sn_network *model, size_t in, size_t out, sn_error *err)
{
    if (out == 0 || in == 0) {
        return sn_fail(err, SN_ECONFIG,
                       "model (layer %zu): width 0; every layer needs "
                       "at least one unit",
                       model->layers);
    }
    sn_status status = sn_gemm_check(in, "layer width", err);
    if (status == SN_OK) {
        status = sn_gemm_check(out, "layer width", err);
    }
    size_t weights, bytes;
    if (status == SN_OK &&
        (!sn_size_multiply(in, out, &weights) ||
         !sn_size_multiply(model->arena + weights, 8 * sizeof(sn_real), &bytes))) {
        status = sn_fail(err, SN_ERANGE,
                         "model (layer %zu): %zu x %zu weights exceed "
                         "the address space",
                         model->layers, out, in);
    }
    if (status != SN_OK) {
        return status;
    }
    sn_layer *layer = &model->layer[model->layers++];
    *layer = (sn_layer){.in = in, .out = out, .weight = model->arena};
    model->arena += padded(weights);
    layer->bias = model->arena;
    model->arena += padded(out);
    model->parameters += weights + out;
    if (out > model->widest) {
        model->widest = out;
    }
    return SN_OK;
}

sn_status sn_network_init(sn_network *model, size_t input, const size_t *hidden,
                          size_t hidden_count, size_t classes, sn_activation activation,
                          sn_error *err)
{
    *model = (sn_network){.input = input, .classes = classes, .activation = activation};
    model->layer = calloc(hidden_count + 1, sizeof *model->layer);
    if (model->layer == NULL) {
        return sn_fail(err, SN_ENOMEM, "model: out of memory");
    }
    sn_status status = SN_OK;
    size_t in = input;
    for (size_t i = 0; i <= hidden_count && status == SN_OK; i++) {
        size_t out = i < hidden_count ? hidden[i] : classes;
        status = add_layer(model, in, out, err);
        in = out;
    }
    if (status != SN_OK) {
        sn_network_clear(model);
    }
    return status;
}

void sn_network_clear(sn_network *model)
{
    free(model->layer);
    *model = (sn_network){0};
}

/* Elements of a workspace's tensors: a layer's output, its mask, the gradient. */
static size_t output_count(const sn_network *model, size_t l, size_t capacity)
{
    return capacity * model->layer[l].out;
}

static size_t mask_count(const sn_network *model, size_t l, size_t capacity,
                         int hidden_dropout)
{
    return hidden_dropout && l + 1 < model->layers ? capacity * model->layer[l].out : 0;
}

static size_t gradient_count(const sn_network *model, size_t capacity)
{
    return capacity * model->widest;
}

size_t sn_workspace_bytes(const sn_network *model, size_t capacity, int hidden_dropout)
{
    size_t bytes = gradient_count(model, capacity) * sizeof(sn_real);
    for (size_t l = 0; l < model->layers; l++) {
        bytes += output_count(model, l, capacity) * sizeof(sn_real) +
                 mask_count(model, l, capacity, hidden_dropout);
    }
    return bytes;
}

sn_status sn_workspace_init(sn_workspace *workspace, const sn_network *model,
                            size_t capacity, int hidden_dropout, sn_error *err)
{
    *workspace = (sn_workspace){.capacity = capacity};
    sn_status status = sn_gemm_check(capacity, "batch rows", err);
    if (status != SN_OK) {
        return status;
    }
    workspace->output = calloc(model->layers, sizeof *workspace->output);
    workspace->mask = calloc(model->layers, sizeof *workspace->mask);
    workspace->gradient = sn_alloc(gradient_count(model, capacity), sizeof(sn_real));
    int complete = workspace->output != NULL && workspace->mask != NULL &&
                   workspace->gradient != NULL;
    for (size_t l = 0; l < model->layers && complete; l++) {
        const size_t masked = mask_count(model, l, capacity, hidden_dropout);
        workspace->output[l] =
            sn_alloc(output_count(model, l, capacity), sizeof(sn_real));
        complete = workspace->output[l] != NULL;
        if (complete && masked > 0) {
            workspace->mask[l] = sn_alloc(masked, 1);
            complete = workspace->mask[l] != NULL;
        }
    }
    if (!complete) {
        sn_workspace_clear(workspace, model);
        return sn_fail(err, SN_ENOMEM,
                       "workspace (%zu rows, widest layer %zu): out of memory; use a "
                       "smaller batch or more ranks",
                       capacity, model->widest);
    }
    return SN_OK;
}

void sn_workspace_clear(sn_workspace *workspace, const sn_network *model)
{
    for (size_t l = 0; l < model->layers; l++) {
        if (workspace->output != NULL) {
            free(workspace->output[l]);
        }
        if (workspace->mask != NULL) {
            free(workspace->mask[l]);
        }
    }
    free(workspace->output);
    free(workspace->mask);
    free(workspace->gradient);
    sn_rounded_clear(&workspace->rounded, model);
    *workspace = (sn_workspace){0};
}

/* A of layer l from its Z, in place: bias, activation and, in training, dropout's mask
 * and the rounded copy, on each row while it is in the cache.  dropout NULL for none,
 * in evaluation. */
static void finish_layer(const sn_network *model, size_t l, const sn_real *parameters,
                         sn_workspace *workspace, const uint32_t *samples, size_t rows,
                         const sn_dropout *dropout)
{
    const sn_layer *layer = &model->layer[l];
    const size_t out = layer->out;
    const sn_real *bias = parameters + layer->bias;
    const int hidden = l + 1 < model->layers;
    uint16_t *rounded = dropout == NULL ? NULL : sn_rounded_output(workspace, l);
    SN_PARALLEL_IF(rows * out >= SN_PARALLEL_ELEMENTS)
    for (size_t i = 0; i < rows; i++) {
        sn_real *row = workspace->output[l] + i * out;
        if (!hidden) {
            sn_bias_add(1, out, bias, row);
            continue;
        }
        sn_bias_activate(model->activation, 1, out, bias, row);
        if (dropout != NULL && dropout->hidden > 0) {
            sn_dropout_apply(dropout->hidden, dropout->seed, dropout->epoch,
                             (uint32_t)l + 1, samples + i, 1, out, row,
                             workspace->mask[l] + i * out);
        }
        if (rounded != NULL) {
            sn_operand_round(out, row, rounded + i * out);
        }
    }
}

/* All layers; dropout and samples NULL in evaluation, whose x has no rounded copy. */
static sn_real *forward(const sn_network *model, const sn_real *parameters,
                        sn_workspace *workspace, sn_operand x, const uint32_t *samples,
                        size_t rows, const sn_dropout *dropout)
{
    for (size_t l = 0; l < model->layers; l++) {
        const sn_layer *layer = &model->layer[l];
        sn_operand_nt(workspace, rows, layer->out, layer->in, x,
                      sn_operand_weight(workspace, model, l, parameters),
                      workspace->output[l]);
        finish_layer(model, l, parameters, workspace, samples, rows, dropout);
        x = dropout == NULL ? (sn_operand){workspace->output[l], NULL}
                            : sn_operand_output(workspace, l);
    }
    return workspace->output[model->layers - 1];
}

sn_real *sn_net_forward(const sn_network *model, const sn_real *parameters,
                        sn_workspace *workspace, const sn_real *x, size_t rows)
{
    return forward(model, parameters, workspace, (sn_operand){x, NULL}, NULL, rows,
                   NULL);
}

/* X as the first layer takes it: dropout, and the rounded copy. */
static sn_operand take_inputs(const sn_network *model, const sn_workspace *workspace,
                              sn_real *x, const uint32_t *samples, size_t rows,
                              const sn_dropout *dropout)
{
    const size_t input = model->input;
    uint16_t *rounded = workspace->rounded.input;
    const size_t busy = dropout->input > 0 || rounded != NULL ? rows : 0;
    SN_PARALLEL_IF(busy * input >= SN_PARALLEL_ELEMENTS)
    for (size_t i = 0; i < busy; i++) {
        sn_real *row = x + i * input;
        if (dropout->input > 0) {
            sn_dropout_apply(dropout->input, dropout->seed, dropout->epoch, 0,
                             samples + i, 1, input, row, NULL);
        }
        if (rounded != NULL) {
            sn_operand_round(input, row, rounded + i * input);
        }
    }
    return sn_operand_input(workspace, x);
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
 * factor anew, which made pieces an eighth of this size cost half a product more. */
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

/* dW and db of layer l.  The last units come first: what is final grows downwards. */
static void layer_gradient(const sn_network *model, size_t l, sn_workspace *workspace,
                           sn_operand dz, sn_operand below, size_t rows,
                           sn_real *gradient)
{
    const sn_layer *layer = &model->layer[l];
    const size_t piece = piece_rows(workspace, layer->out, 2 * rows * layer->in);
    sn_bias_gradient(rows, layer->out, dz.real, gradient + layer->bias);
    for (size_t end = layer->out, begin; end > 0; end = begin) {
        begin = end > piece ? end - piece : 0;
        const size_t first = layer->weight + begin * layer->in;
        sn_operand_tn(workspace, end - begin, layer->in, rows,
                      sn_operand_from(dz, begin), layer->out, below, gradient + first);
        observe(workspace, first);
    }
}

/* dA(l-1) = dZ(l) W(l) into the workspace.  Nothing more of the gradient is final. */
static void input_gradient(const sn_network *model, size_t l, const sn_real *parameters,
                           sn_workspace *workspace, sn_operand dz, size_t rows)
{
    const sn_layer *layer = &model->layer[l];
    const sn_operand weight = sn_operand_weight(workspace, model, l, parameters);
    const size_t piece = piece_rows(workspace, rows, 2 * layer->in * layer->out);
    for (size_t begin = 0, end; begin < rows; begin = end) {
        end = rows - begin > piece ? begin + piece : rows;
        sn_operand_nn(workspace, end - begin, layer->in, layer->out,
                      sn_operand_from(dz, begin * layer->out), weight,
                      workspace->gradient + begin * layer->in);
        observe(workspace, layer->weight);
    }
}

/* dZ(l-1) into the buffers of A(l-1), given dA(l-1) and dropout's mask. */
static void backward_activation(const sn_network *model, size_t l,
                                sn_workspace *workspace, size_t rows,
                                const sn_dropout *dropout)
{
    enum { PART = 1 << 12 };
    const size_t count = rows * model->layer[l].in;
    uint16_t *rounded = sn_rounded_output(workspace, l - 1);
    SN_PARALLEL_IF(count >= SN_PARALLEL_ELEMENTS)
    for (size_t first = 0; first < count; first += PART) {
        const size_t part = count - first < PART ? count - first : PART;
        sn_real *da = workspace->gradient + first;
        sn_real *a = workspace->output[l - 1] + first;
        if (dropout->hidden > 0) {
            sn_dropout_backward(dropout->hidden, part, workspace->mask[l - 1] + first,
                                da, a);
        }
        sn_activation_backward(model->activation, part, da, a);
        if (rounded != NULL) {
            sn_operand_round(part, a, rounded + first);
        }
    }
}

sn_pass sn_net_gradient(const sn_network *model, const sn_real *parameters,
                        sn_workspace *workspace, sn_real *x, const uint8_t *labels,
                        const uint32_t *samples, size_t rows, const sn_dropout *dropout,
                        sn_real *gradient)
{
    sn_pass pass = {0};
    if (rows == 0) {
        memset(gradient, 0, model->arena * sizeof *gradient);
        return pass;
    }
    const double begun = sn_clock_seconds();
    const sn_operand input = take_inputs(model, workspace, x, samples, rows, dropout);
    sn_real *z = forward(model, parameters, workspace, input, samples, rows, dropout);
    pass.loss = sn_softmax_gradient(rows, model->classes, labels, z);
    sn_operand_round(rows * model->classes, z,
                     sn_rounded_output(workspace, model->layers - 1));
    pass.forward_seconds = sn_clock_seconds() - begun;
    if (!isfinite(pass.loss.sum)) {
        pass.non_finite = (int)model->layers + 1;
    }
    for (size_t l = model->layers; l-- > 0;) {
        const sn_layer *layer = &model->layer[l];
        const sn_operand dz = sn_operand_output(workspace, l);
        const sn_operand below = l == 0 ? input : sn_operand_output(workspace, l - 1);
        layer_gradient(model, l, workspace, dz, below, rows, gradient);
        if (!all_finite(layer->out * layer->in, gradient + layer->weight)) {
            pass.non_finite = (int)l + 1;
        }
        if (l > 0) {
            input_gradient(model, l, parameters, workspace, dz, rows);
            backward_activation(model, l, workspace, rows, dropout);
        }
    }
    return pass;
}

void sn_net_forward_products(const sn_network *model, const sn_real *parameters,
                             sn_workspace *workspace, const sn_real *x, size_t rows)
{
    sn_operand below = sn_operand_input(workspace, x);
    for (size_t l = 0; l < model->layers && rows > 0; l++) {
        const sn_layer *layer = &model->layer[l];
        sn_operand_nt(workspace, rows, layer->out, layer->in, below,
                      sn_operand_weight(workspace, model, l, parameters),
                      workspace->output[l]);
        below = sn_operand_output(workspace, l);
    }
}

void sn_net_backward_products(const sn_network *model, const sn_real *parameters,
                              sn_workspace *workspace, const sn_real *x, size_t rows,
                              sn_real *gradient)
{
    for (size_t l = model->layers; l-- > 0 && rows > 0;) {
        const sn_layer *layer = &model->layer[l];
        const sn_operand dz = sn_operand_output(workspace, l);
        const sn_operand below = l == 0 ? sn_operand_input(workspace, x)
                                        : sn_operand_output(workspace, l - 1);
        sn_operand_tn(workspace, layer->out, layer->in, rows, dz, layer->out, below,
                      gradient + layer->weight);
        if (l > 0) {
            sn_operand_nn(workspace, rows, layer->in, layer->out, dz,
                          sn_operand_weight(workspace, model, l, parameters),
                          workspace->gradient);
        }
    }
}

double sn_net_product_flops(const sn_network *model, size_t rows)
{
    double flops = 0;
    for (size_t l = 0; l < model->layers; l++) {
        const sn_layer *layer = &model->layer[l];
        flops += 2.0 * (double)rows * (double)layer->in * (double)layer->out *
                 (l == 0 ? 2 : 3);
    }
    return flops;
}

double sn_net_time_products(const sn_network *model, const sn_real *parameters,
                            sn_workspace *workspace, const sn_real *x, size_t rows,
                            sn_real *gradient)
{
    const double begun = sn_clock_seconds();
    sn_net_forward_products(model, parameters, workspace, x, rows);
    sn_net_backward_products(model, parameters, workspace, x, rows, gradient);
    return sn_clock_seconds() - begun;
}
