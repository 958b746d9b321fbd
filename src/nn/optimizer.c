/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/optimizer.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/numeric/parallel.h"
#include "nn/products/bf16.h"

#ifdef SHARDNET_REAL_DOUBLE
typedef uint64_t real_bits;
#define EXPONENT_BITS UINT64_C(0x7FF0000000000000)
#else
typedef uint32_t real_bits;
#define EXPONENT_BITS UINT32_C(0x7F800000)
#endif

/* Number of partial sums.  It is fixed, so that the result does not depend on the width
 * of the vector registers. */
enum { LANES = 16 };

typedef struct rule {
    sn_real rate, momentum, scale, l1, l2;
} rule;

/* Returns 0 for a subnormal v, else v.  Integer arithmetic on the bits, unlike a
 * conditional, becomes vector code on every processor. */
static inline sn_real flushed(sn_real v)
{
    real_bits bits;
    memcpy(&bits, &v, sizeof bits);
    bits &= (real_bits)0 - (real_bits)((bits & EXPONENT_BITS) != 0);
    memcpy(&v, &bits, sizeof bits);
    return v;
}

/* Returns 1 with the sign of w, or 0 for 0, without a conditional too. */
static inline sn_real sign(sn_real w)
{
    const real_bits sign_bit = (real_bits)1 << (8 * sizeof(real_bits) - 1);
    sn_real one = 1;
    real_bits bits, one_bits;
    memcpy(&bits, &w, sizeof bits);
    memcpy(&one_bits, &one, sizeof one_bits);
    one_bits |= bits & sign_bit;
    one_bits &= (real_bits)0 - (real_bits)((bits & ~sign_bit) != 0);
    memcpy(&one, &one_bits, sizeof one);
    return one;
}

static inline sn_real scaled_gradient(const rule *r, sn_real g, sn_real w)
{
    return r->rate * (r->scale * g + r->l2 * w + r->l1 * sign(w));
}

SN_HOT
void heavy_ball(rule r, size_t count, const sn_real *restrict g, sn_real *restrict v,
                sn_real *restrict w)
{
    for (size_t i = 0; i < count; i++) {
        sn_real velocity = r.momentum * v[i] + scaled_gradient(&r, g[i], w[i]);
        v[i] = flushed(velocity);
        w[i] -= velocity;
    }
}

SN_HOT
void nesterov(rule r, size_t count, const sn_real *restrict g, sn_real *restrict v,
              sn_real *restrict w)
{
    for (size_t i = 0; i < count; i++) {
        sn_real step = scaled_gradient(&r, g[i], w[i]);
        sn_real velocity = r.momentum * v[i] + step;
        v[i] = flushed(velocity);
        w[i] -= r.momentum * velocity + step;
    }
}

SN_HOT
void previous_gradient(rule r, size_t count, const sn_real *restrict g,
                       sn_real *restrict v, sn_real *restrict w)
{
    for (size_t i = 0; i < count; i++) {
        sn_real step = scaled_gradient(&r, g[i], w[i]);
        w[i] -= step + r.momentum * v[i];
        v[i] = flushed(step);
    }
}

static void (*const update_tensor[])(rule r, size_t count, const sn_real *g, sn_real *v,
                                     sn_real *w) = {
    [SN_HEAVY_BALL] = heavy_ball,
    [SN_NESTEROV] = nesterov,
    [SN_PREVIOUS_GRADIENT] = previous_gradient,
};

SN_HOT
sn_real sum_of_squares(size_t count, const sn_real *x)
{
    sn_real partial[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            partial[j] += x[i + j] * x[i + j];
        }
    }
    for (size_t j = 0; i < count; i++, j++) {
        partial[j] += x[i] * x[i];
    }
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t j = 0; j < half; j++) {
            partial[j] += partial[j + half];
        }
    }
    return partial[0];
}

/* Limits the norm of weight (in), one row of W.  A row whose norm is not finite stays
 * as it is, so that training reports that it diverged. */
static void limit_norm(sn_real max_norm, size_t in, sn_real *weight)
{
    const sn_real square = sum_of_squares(in, weight);
    if (square > max_norm * max_norm && isfinite(square)) {
        const sn_real factor = max_norm / (sn_real)sqrt((double)square);
        for (size_t i = 0; i < in; i++) {
            weight[i] *= factor;
        }
    }
}

/* Elements [begin, end) of an arena, or rows of a layer. */
typedef struct range {
    size_t begin, end;
} range;

static range range_of(const sn_network *network, sn_arena_part part)
{
    const size_t index = (size_t)part.index, count = (size_t)part.count;
    return (range){network->arena * index / count,
                   network->arena * (index + 1) / count};
}

/* Returns the rows of size elements, of count rows from element first on, that begin
 * in a range. */
static range rows_in(range whole, size_t first, size_t size, size_t count)
{
    const size_t before = whole.begin > first ? whole.begin - first : 0;
    const size_t upto = whole.end > first ? whole.end - first : 0;
    const size_t begin = (before + size - 1) / size, end = (upto + size - 1) / size;
    return (range){begin < count ? begin : count, end < count ? end : count};
}

/* Updates rows of the weights of one layer, a few at a time while they are in the
 * cache.  bf16 (out, in) or NULL. */
static void update_weights(const sn_optimizer *optimizer, size_t in, range rows, rule r,
                           const sn_real *g, sn_real *v, sn_real *w, uint16_t *bf16)
{
    enum { CHUNK = 1 << 13 };
    const size_t units = in < CHUNK ? CHUNK / in : 1;
    SN_PARALLEL_IF(in * (rows.end - rows.begin) >= SN_PARALLEL_ELEMENTS)
    for (size_t unit = rows.begin; unit < rows.end; unit += units) {
        const size_t end = rows.end - unit < units ? rows.end : unit + units;
        update_tensor[optimizer->kind](r, (end - unit) * in, g + unit * in,
                                       v + unit * in, w + unit * in);
        for (size_t u = unit; u < end && optimizer->max_norm > 0; u++) {
            limit_norm((sn_real)optimizer->max_norm, in, w + u * in);
        }
        if (bf16 != NULL) {
            sn_bf16_from_float((end - unit) * in, w + unit * in, bf16 + unit * in);
        }
    }
}

void sn_optimizer_update(const sn_optimizer *optimizer, const sn_network *network,
                         sn_arena_part part, double rate, double gradient_scale,
                         const sn_real *gradient, sn_real *velocity,
                         sn_real *parameters, uint16_t *bf16)
{
    const rule weights = {.rate = (sn_real)rate,
                          .momentum = (sn_real)optimizer->momentum,
                          .scale = (sn_real)gradient_scale,
                          .l1 = (sn_real)optimizer->l1,
                          .l2 = (sn_real)optimizer->l2};
    rule biases = weights;
    biases.l1 = biases.l2 = 0;
    const range own = range_of(network, part);
    for (size_t l = 0; l < network->layers; l++) {
        const sn_layer *layer = &network->layer[l];
        const size_t w = layer->weight;
        const range rows = rows_in(own, w, layer->in, layer->out);
        update_weights(optimizer, layer->in, rows, weights, gradient + w, velocity + w,
                       parameters + w, bf16 == NULL ? NULL : bf16 + w);
        const range elements = rows_in(own, layer->bias, 1, layer->out);
        const size_t b = layer->bias + elements.begin;
        update_tensor[optimizer->kind](biases, elements.end - elements.begin,
                                       gradient + b, velocity + b, parameters + b);
    }
}

double sn_optimizer_penalty(const sn_optimizer *optimizer, const sn_network *network,
                            const sn_real *parameters)
{
    double absolute = 0, square = 0;
    if (optimizer->l1 == 0 && optimizer->l2 == 0) {
        return 0;
    }
    for (size_t l = 0; l < network->layers; l++) {
        const sn_layer *layer = &network->layer[l];
        const sn_real *weight = parameters + layer->weight;
        for (size_t i = 0; i < layer->in * layer->out; i++) {
            double w = (double)weight[i];
            absolute += fabs(w);
            square += w * w;
        }
    }
    return optimizer->l1 * absolute + optimizer->l2 / 2 * square;
}
