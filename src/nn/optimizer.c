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
#define SMALL_BITS    UINT64_C(0x2050000000000000) /* 2^-506 */
#define ROOT          sqrt
#else
typedef uint32_t real_bits;
#define EXPONENT_BITS UINT32_C(0x7F800000)
#define SMALL_BITS    UINT32_C(0x22800000) /* 2^-58 */
#define ROOT          sqrtf
#endif

/* Number of partial sums.  It is fixed, so that the result does not depend on the width
 * of the vector registers. */
enum { LANES = 16 };

typedef struct rule {
    sn_real rate, momentum, scale, l1, l2;
    sn_real approach; /* 1 - d of the average */
    /* adamw uses the betas; 1 - beta; rate / (1 - beta1^t); 1 / sqrt(1 - beta2^t);
     * epsilon; rate * weight_decay */
    sn_real beta1, beta2, rest1, rest2, step, root, epsilon, decay;
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

/* Returns v^2, or 0 if this or a thousandth of it can be subnormal. */
static inline sn_real square(sn_real v)
{
    real_bits bits;
    memcpy(&bits, &v, sizeof bits);
    bits &= (real_bits)0 - (real_bits)((bits & EXPONENT_BITS) >= SMALL_BITS);
    memcpy(&v, &bits, sizeof v);
    return v * v;
}

static inline sn_real full_gradient(const rule *r, sn_real g, sn_real w)
{
    return r->scale * g + r->l2 * w + r->l1 * sign(w);
}

static inline sn_real scaled_gradient(const rule *r, sn_real g, sn_real w)
{
    return r->rate * full_gradient(r, g, w);
}

SN_HOT
void heavy_ball(rule r, size_t count, const sn_real *restrict g, sn_real *restrict v,
                sn_real *restrict s, sn_real *restrict w)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        sn_real velocity = r.momentum * v[i] + scaled_gradient(&r, g[i], w[i]);
        v[i] = flushed(velocity);
        w[i] -= velocity;
    }
}

SN_HOT
void nesterov(rule r, size_t count, const sn_real *restrict g, sn_real *restrict v,
              sn_real *restrict s, sn_real *restrict w)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        sn_real step = scaled_gradient(&r, g[i], w[i]);
        sn_real velocity = r.momentum * v[i] + step;
        v[i] = flushed(velocity);
        w[i] -= r.momentum * velocity + step;
    }
}

SN_HOT
void previous_gradient(rule r, size_t count, const sn_real *restrict g,
                       sn_real *restrict v, sn_real *restrict s, sn_real *restrict w)
{
    (void)s;
    for (size_t i = 0; i < count; i++) {
        sn_real step = scaled_gradient(&r, g[i], w[i]);
        w[i] -= step + r.momentum * v[i];
        v[i] = flushed(step);
    }
}

SN_HOT
void adamw(rule r, size_t count, const sn_real *restrict g, sn_real *restrict v,
           sn_real *restrict s, sn_real *restrict w)
{
    for (size_t i = 0; i < count; i++) {
        sn_real gradient = full_gradient(&r, g[i], w[i]);
        sn_real first = r.beta1 * v[i] + r.rest1 * gradient;
        sn_real second = r.beta2 * s[i] + r.rest2 * square(gradient);
        v[i] = flushed(first);
        s[i] = flushed(second);
        w[i] -= r.step * first / (ROOT(second) * r.root + r.epsilon) + r.decay * w[i];
    }
}

static void (*const update_tensor[])(rule r, size_t count, const sn_real *g, sn_real *v,
                                     sn_real *s, sn_real *w) = {
    [SN_HEAVY_BALL] = heavy_ball,
    [SN_NESTEROV] = nesterov,
    [SN_PREVIOUS_GRADIENT] = previous_gradient,
    [SN_ADAMW] = adamw,
};

SN_HOT
void move_average(sn_real approach, size_t count, const sn_real *restrict w,
                  sn_real *restrict average)
{
    for (size_t i = 0; i < count; i++) {
        average[i] += approach * (w[i] - average[i]);
    }
}

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

/* The arguments of an update that all layers share. */
typedef struct job {
    const sn_optimizer *optimizer;
    const sn_real *gradient;
    const sn_state *state;
    uint16_t *bf16;
} job;

static sn_real *element(sn_real *array, size_t index)
{
    return array == NULL ? NULL : array + index;
}

/* Updates elements [begin, begin + count) of the arena. */
static void update_elements(const job *j, rule r, size_t begin, size_t count)
{
    const sn_state *s = j->state;
    update_tensor[j->optimizer->kind](
        r, count, j->gradient + begin, s->velocity + begin,
        element(s->second_moment, begin), s->parameters + begin);
}

/* Updates the average of these elements. */
static void average_elements(const job *j, rule r, size_t begin, size_t count)
{
    const sn_state *s = j->state;
    if (s->average != NULL) {
        move_average(r.approach, count, s->parameters + begin, s->average + begin);
    }
}

/* Updates rows of a weight matrix, which begins at element first of the arena.  A row
 * has in elements.  All operations on a few rows follow each other, while these rows are
 * in the cache. */
static void update_weights(const job *j, rule r, size_t first, size_t in, range rows)
{
    enum { CHUNK = 1 << 13 };
    const size_t units = in < CHUNK ? CHUNK / in : 1;
    const sn_real max_norm = (sn_real)j->optimizer->max_norm;
    SN_PARALLEL_IF(in * (rows.end - rows.begin) >= SN_PARALLEL_ELEMENTS)
    for (size_t unit = rows.begin; unit < rows.end; unit += units) {
        const size_t end = rows.end - unit < units ? rows.end : unit + units;
        const size_t begin = first + unit * in, count = (end - unit) * in;
        sn_real *w = j->state->parameters + begin;
        update_elements(j, r, begin, count);
        for (size_t row = 0; row < count && max_norm > 0; row += in) {
            limit_norm(max_norm, in, w + row);
        }
        average_elements(j, r, begin, count);
        if (j->bf16 != NULL) {
            sn_bf16_from_float(count, w, j->bf16 + begin);
        }
    }
}

/* Returns base^exponent.  The mathematics library may round differently on another
 * processor. */
static double power(double base, int64_t exponent)
{
    double result = 1;
    for (; exponent > 0; exponent /= 2, base *= base) {
        result *= exponent % 2 == 1 ? base : 1;
    }
    return result;
}

static rule rule_of(const sn_optimizer *o, const sn_update *update)
{
    const double rate = update->rate, t = (double)update->number;
    return (rule){
        .rate = (sn_real)rate,
        .momentum = (sn_real)o->momentum,
        .scale = (sn_real)update->gradient_scale,
        .l1 = (sn_real)o->l1,
        .l2 = (sn_real)o->l2,
        .beta1 = (sn_real)o->beta1,
        .beta2 = (sn_real)o->beta2,
        .rest1 = (sn_real)(1 - o->beta1),
        .rest2 = (sn_real)(1 - o->beta2),
        .step = (sn_real)(rate / (1 - power(o->beta1, update->number))),
        .root = (sn_real)(1 / sqrt(1 - power(o->beta2, update->number))),
        .epsilon = (sn_real)o->epsilon,
        .decay = (sn_real)(rate * o->weight_decay),
        .approach = (sn_real)(1 - fmin(o->average, (1 + t) / (10 + t))),
    };
}

size_t sn_state_elements(const sn_optimizer *optimizer, const sn_network *network)
{
    return network->arena *
           (2 + (size_t)(optimizer->kind == SN_ADAMW) + (optimizer->average > 0));
}

sn_state sn_state_at(const sn_optimizer *optimizer, const sn_network *network,
                     sn_real *memory)
{
    const size_t arena = network->arena;
    const size_t elements = sn_state_elements(optimizer, network);
    return (sn_state){
        .parameters = memory,
        .velocity = memory + arena,
        .second_moment = optimizer->kind == SN_ADAMW ? memory + 2 * arena : NULL,
        .average = optimizer->average > 0 ? memory + elements - arena : NULL,
        .elements = elements};
}

const sn_real *sn_state_evaluated(const sn_state *state)
{
    return state->average != NULL ? state->average : state->parameters;
}

void sn_state_start_average(const sn_network *network, const sn_state *state)
{
    if (state->average != NULL) {
        memcpy(state->average, state->parameters,
               network->arena * sizeof *state->parameters);
    }
}

void sn_optimizer_update(const sn_optimizer *optimizer, const sn_network *network,
                         sn_arena_part part, const sn_update *update,
                         const sn_real *gradient, const sn_state *state, uint16_t *bf16)
{
    const job j = {optimizer, gradient, state, bf16};
    const rule weights = rule_of(optimizer, update);
    rule biases = weights;
    biases.l1 = biases.l2 = biases.decay = 0;
    const range own = range_of(network, part);
    for (size_t l = 0; l < network->layers; l++) {
        const sn_layer *layer = &network->layer[l];
        const range rows = rows_in(own, layer->weight, layer->in, layer->out);
        update_weights(&j, weights, layer->weight, layer->in, rows);
        const range elements = rows_in(own, layer->bias, 1, layer->out);
        const size_t begin = layer->bias + elements.begin;
        update_elements(&j, biases, begin, elements.end - elements.begin);
        average_elements(&j, biases, begin, elements.end - elements.begin);
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
