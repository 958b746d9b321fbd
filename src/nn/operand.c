#include "nn/operand.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "nn/products/bf16.h"

sn_operand sn_operand_input(const sn_workspace *workspace, const sn_real *x)
{
    return (sn_operand){x, workspace->rounded.input};
}

sn_operand sn_operand_output(const sn_workspace *workspace, size_t l)
{
    return (sn_operand){workspace->output[l], sn_rounded_output(workspace, l)};
}

sn_operand sn_operand_weight(const sn_workspace *workspace, const sn_network *model,
                             size_t l, const sn_real *parameters)
{
    const size_t weight = model->layer[l].weight;
    const uint16_t *rounded = workspace->rounded.weights;
    return (sn_operand){parameters + weight, rounded == NULL ? NULL : rounded + weight};
}

sn_operand sn_operand_from(sn_operand factor, size_t elements)
{
    return (sn_operand){factor.real + elements,
                        factor.bf16 == NULL ? NULL : factor.bf16 + elements};
}

uint16_t *sn_rounded_output(const sn_workspace *workspace, size_t l)
{
    return workspace->rounded.output == NULL ? NULL : workspace->rounded.output[l];
}

void sn_operand_round(size_t count, const sn_real *x, uint16_t *bf16)
{
    if (bf16 != NULL) {
        sn_bf16_from_float(count, x, bf16);
    }
}

void sn_operand_nt(const sn_workspace *workspace, size_t m, size_t n, size_t k,
                   sn_operand a, sn_operand b, sn_real *c)
{
    if (a.bf16 == NULL) {
        sn_gemm_nt(workspace->backend, m, n, k, a.real, b.real, c);
    } else {
        sn_gemm_bf16_nt(workspace->rounded.gemm, workspace->backend, m, n, k, a.bf16,
                        b.bf16, c);
    }
}

void sn_operand_nn(const sn_workspace *workspace, size_t m, size_t n, size_t k,
                   sn_operand a, sn_operand b, sn_real *c)
{
    if (a.bf16 == NULL) {
        sn_gemm_nn(workspace->backend, m, n, k, a.real, b.real, c);
    } else {
        sn_gemm_bf16_nn(workspace->rounded.gemm, workspace->backend, m, n, k, a.bf16,
                        b.bf16, c);
    }
}

void sn_operand_tn(const sn_workspace *workspace, size_t m, size_t n, size_t k,
                   sn_operand a, size_t lda, sn_operand b, sn_real *c)
{
    if (a.bf16 == NULL) {
        sn_gemm_tn(workspace->backend, m, n, k, a.real, lda, b.real, c);
    } else {
        sn_gemm_bf16_tn(workspace->rounded.gemm, workspace->backend, m, n, k, a.bf16,
                        lda, b.bf16, c);
    }
}

void sn_network_round(const sn_network *model, const sn_real *parameters,
                      uint16_t *bf16)
{
    enum { PART = 1 << 14 };
    for (size_t l = 0; l < model->layers; l++) {
        const sn_layer *layer = &model->layer[l];
        const size_t count = layer->in * layer->out;
        const sn_real *weight = parameters + layer->weight;
        SN_PARALLEL_IF(count >= SN_PARALLEL_ELEMENTS)
        for (size_t first = 0; first < count; first += PART) {
            sn_bf16_from_float(count - first < PART ? count - first : PART,
                               weight + first, bf16 + layer->weight + first);
        }
    }
}

/* The largest factors of all products: A is X, A or dZ; B is one of these or W. */
static void find_largest(const sn_network *model, size_t capacity, size_t *a, size_t *b)
{
    *a = capacity * (model->input > model->widest ? model->input : model->widest);
    *b = *a;
    for (size_t l = 0; l < model->layers; l++) {
        const size_t weights = model->layer[l].in * model->layer[l].out;
        *b = weights > *b ? weights : *b;
    }
}

size_t sn_workspace_round_bytes(const sn_network *model, size_t capacity,
                                sn_precision precision)
{
    if (precision == SN_PRECISION_FP32) {
        return 0;
    }
    size_t a, b, width = model->input;
    find_largest(model, capacity, &a, &b);
    for (size_t l = 0; l < model->layers; l++) {
        width += model->layer[l].out;
    }
    return capacity * width * sizeof(uint16_t) + sn_gemm_bf16_bytes(precision, a, b);
}

sn_status sn_workspace_round(sn_workspace *workspace, const sn_network *model,
                             sn_precision precision, const uint16_t *weights,
                             sn_error *err)
{
    if (precision == SN_PRECISION_FP32) {
        return SN_OK;
    }
    sn_rounded *rounded = &workspace->rounded;
    size_t a, b;
    find_largest(model, workspace->capacity, &a, &b);
    sn_status status = sn_gemm_bf16_create(precision, a, b, &rounded->gemm, err);
    if (status == SN_OK) {
        rounded->weights = weights;
        rounded->input =
            sn_alloc(workspace->capacity * model->input, sizeof *rounded->input);
        rounded->output = calloc(model->layers, sizeof *rounded->output);
        int complete = rounded->input != NULL && rounded->output != NULL;
        for (size_t l = 0; l < model->layers && complete; l++) {
            rounded->output[l] =
                sn_alloc(workspace->capacity * model->layer[l].out, sizeof(uint16_t));
            complete = rounded->output[l] != NULL;
        }
        if (!complete) {
            status = sn_fail(err, SN_ENOMEM,
                             "workspace (%zu rows, bf16): out of memory; use a smaller "
                             "batch or more ranks",
                             workspace->capacity);
        }
    }
    if (status != SN_OK) {
        sn_rounded_clear(rounded, model);
    }
    return status;
}

void sn_rounded_clear(sn_rounded *rounded, const sn_network *model)
{
    for (size_t l = 0; l < model->layers && rounded->output != NULL; l++) {
        free(rounded->output[l]);
    }
    free(rounded->output);
    free(rounded->input);
    sn_gemm_bf16_destroy(&rounded->gemm);
    *rounded = (sn_rounded){0};
}
