/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers of a network, initial weights, and the memory of a workspace. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/numeric/parallel.h"
#include "base/numeric/rng.h"
#include "nn/net.h"
#include "nn/products/bf16.h"

/* Returns count, rounded up so that the next tensor is aligned. */
static size_t padded(size_t count)
{
    const size_t unit = SN_ALIGNMENT / sizeof(sn_real);
    return (count + unit - 1) / unit * unit;
}

static sn_status add_layer(sn_network *network, size_t in, size_t out, sn_error *err)
{
    if (out == 0 || in == 0) {
        return sn_fail(err, SN_ECONFIG,
                       "model (layer %zu): width 0; every layer needs "
                       "at least one unit",
                       network->layers);
    }
    sn_status status = sn_gemm_check(in, "layer width", err);
    if (status == SN_OK) {
        status = sn_gemm_check(out, "layer width", err);
    }
    size_t weights, bytes;
    if (status == SN_OK &&
        (!sn_size_multiply(in, out, &weights) ||
         !sn_size_multiply(network->arena + weights, 8 * sizeof(sn_real), &bytes))) {
        status = sn_fail(err, SN_ERANGE,
                         "model (layer %zu): %zu x %zu weights exceed "
                         "the address space",
                         network->layers, out, in);
    }
    if (status != SN_OK) {
        return status;
    }
    sn_layer *layer = &network->layer[network->layers++];
    *layer = (sn_layer){.in = in, .out = out, .weight = network->arena};
    network->arena += padded(weights);
    layer->bias = network->arena;
    network->arena += padded(out);
    network->parameters += weights + out;
    if (out > network->widest) {
        network->widest = out;
    }
    return SN_OK;
}

sn_status sn_network_init(sn_network *network, size_t input, const size_t *hidden,
                          size_t hidden_count, size_t classes, sn_activation activation,
                          sn_error *err)
{
    *network =
        (sn_network){.input = input, .classes = classes, .activation = activation};
    network->layer = calloc(hidden_count + 1, sizeof *network->layer);
    if (network->layer == NULL) {
        return sn_fail(err, SN_ENOMEM, "model: out of memory");
    }
    sn_status status = SN_OK;
    size_t in = input;
    for (size_t i = 0; i <= hidden_count && status == SN_OK; i++) {
        size_t out = i < hidden_count ? hidden[i] : classes;
        status = add_layer(network, in, out, err);
        in = out;
    }
    if (status != SN_OK) {
        sn_network_clear(network);
    }
    return status;
}

void sn_network_clear(sn_network *network)
{
    free(network->layer);
    *network = (sn_network){0};
}

static double bound(sn_init kind, double scale, const sn_layer *layer)
{
    switch (kind) {
    case SN_INIT_XAVIER:
        return scale * sqrt(6.0 / (double)(layer->in + layer->out));
    case SN_INIT_HE:
        return scale * sqrt(6.0 / (double)layer->in);
    case SN_INIT_UNIFORM:
        break;
    }
    return scale;
}

void sn_init_parameters(const sn_network *network, sn_init kind, double scale,
                        uint64_t seed, sn_real *parameters)
{
    for (size_t i = 0; i < network->arena; i++) {
        parameters[i] = 0;
    }
    for (size_t l = 0; l < network->layers; l++) {
        const sn_layer *layer = &network->layer[l];
        const float r = (float)bound(kind, scale, layer);
        sn_real *weight = parameters + layer->weight;
        const size_t count = layer->in * layer->out;
        uint32_t words[4] = {0};
        for (size_t i = 0; i < count; i++) {
            if (i % 4 == 0) {
                sn_rng_block(seed, SN_RNG_INIT, (uint32_t)l, 0, (uint32_t)(i / 4 >> 32),
                             (uint32_t)(i / 4), words);
            }
            weight[i] = r * (2 * sn_rng_unit(words[i % 4]) - 1);
        }
    }
}

void sn_network_weights_to_bf16(const sn_network *network, const sn_real *parameters,
                                uint16_t *bf16)
{
    enum { CHUNK = 1 << 14 };
    for (size_t l = 0; l < network->layers; l++) {
        const sn_layer *layer = &network->layer[l];
        const size_t count = layer->in * layer->out;
        const sn_real *weight = parameters + layer->weight;
        SN_PARALLEL_IF(count >= SN_PARALLEL_ELEMENTS)
        for (size_t first = 0; first < count; first += CHUNK) {
            sn_bf16_from_float(count - first < CHUNK ? count - first : CHUNK,
                               weight + first, bf16 + layer->weight + first);
        }
    }
}

double sn_net_product_flops(const sn_network *network, size_t rows)
{
    double flops = 0;
    for (size_t l = 0; l < network->layers; l++) {
        const sn_layer *layer = &network->layer[l];
        flops += 2.0 * (double)rows * (double)layer->in * (double)layer->out *
                 (l == 0 ? 2 : 3);
    }
    return flops;
}

/* Returns the bytes of all buffers per row. */
static size_t row_bytes(const sn_network *network, bool hidden_dropout, bool bf16)
{
    const size_t copy = bf16 ? sizeof(uint16_t) : 0;
    size_t bytes = network->widest * sizeof(sn_real) + network->input * copy;
    for (size_t l = 0; l < network->layers; l++) {
        const size_t mask = hidden_dropout && l + 1 < network->layers;
        bytes += network->layer[l].out * (sizeof(sn_real) + copy + mask);
    }
    return bytes;
}

/* Returns *next and advances it by bytes to the next aligned address. */
static void *next_buffer(char **next, size_t bytes)
{
    void *place = *next;
    *next += (bytes + SN_ALIGNMENT - 1) / SN_ALIGNMENT * SN_ALIGNMENT;
    return place;
}

static void place_buffers(sn_workspace *w, const sn_network *network,
                          bool hidden_dropout, bool bf16)
{
    char *next = w->memory;
    w->gradient =
        next_buffer(&next, w->capacity * network->widest * sizeof *w->gradient);
    if (bf16) {
        w->input_bf16 =
            next_buffer(&next, w->capacity * network->input * sizeof *w->input_bf16);
    }
    for (size_t l = 0; l < network->layers; l++) {
        sn_layer_buffers *layer = &w->layer[l];
        const size_t count = w->capacity * network->layer[l].out;
        layer->output = next_buffer(&next, count * sizeof *layer->output);
        if (bf16) {
            layer->bf16 = next_buffer(&next, count * sizeof *layer->bf16);
        }
        if (hidden_dropout && l + 1 < network->layers) {
            layer->mask = next_buffer(&next, count);
        }
    }
}

/* *a, *b := the elements of the largest operands of all products op(A) op(B). */
static void find_largest_operands(const sn_network *network, size_t capacity, size_t *a,
                                  size_t *b)
{
    *a = capacity *
         (network->input > network->widest ? network->input : network->widest);
    *b = *a;
    for (size_t l = 0; l < network->layers; l++) {
        const size_t weights = network->layer[l].in * network->layer[l].out;
        *b = weights > *b ? weights : *b;
    }
}

size_t sn_workspace_bytes(const sn_network *network, size_t capacity,
                          bool hidden_dropout, sn_precision precision)
{
    size_t a, b;
    find_largest_operands(network, capacity, &a, &b);
    return capacity *
               row_bytes(network, hidden_dropout, precision != SN_PRECISION_FP32) +
           sn_products_bytes(precision, a, b);
}

sn_status sn_workspace_init(sn_workspace *workspace, const sn_network *network,
                            size_t capacity, bool hidden_dropout,
                            sn_precision precision, sn_error *err)
{
    const bool bf16 = precision != SN_PRECISION_FP32;
    *workspace = (sn_workspace){.capacity = capacity};
    sn_status status = sn_gemm_check(capacity, "batch rows", err);
    if (status == SN_OK) {
        status = sn_gemm_load(err);
    }
    if (status != SN_OK) {
        return status;
    }
    size_t bytes, a, b;
    workspace->layer = calloc(network->layers, sizeof *workspace->layer);
    if (workspace->layer != NULL &&
        sn_size_multiply(capacity, row_bytes(network, hidden_dropout, bf16), &bytes) &&
        bytes < SIZE_MAX / 2) {
        const size_t padding = (3 * network->layers + 2) * SN_ALIGNMENT;
        workspace->memory = sn_alloc(bytes + padding, 1);
    }
    if (workspace->layer == NULL || workspace->memory == NULL) {
        status = sn_fail(err, SN_ENOMEM,
                         "workspace (%zu rows, widest layer %zu): out of memory; use a "
                         "smaller batch or more ranks",
                         capacity, network->widest);
    } else {
        place_buffers(workspace, network, hidden_dropout, bf16);
    }
    if (status == SN_OK) {
        find_largest_operands(network, capacity, &a, &b);
        status = sn_products_create(precision, a, b, &workspace->products, err);
    }
    if (status != SN_OK) {
        sn_workspace_clear(workspace);
    }
    return status;
}

void sn_workspace_clear(sn_workspace *workspace)
{
    free(workspace->memory);
    free(workspace->layer);
    sn_products_destroy(&workspace->products);
    *workspace = (sn_workspace){0};
}
