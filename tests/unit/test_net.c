/* SPDX-License-Identifier: BSD-3-Clause */
/* Passes of a network: backend and observer change only the rounding, and bf16 operands
 * are used in all products of a gradient. */
#include "support.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/numeric/rng.h"
#include "nn/net.h"
#include "nn/products/bf16.h"

enum { ROWS = 67, INPUT = 131, CLASSES = 10 };

typedef struct fixture {
    sn_network network;
    sn_workspace workspace;
    float *parameters, *gradient, *x;
    uint16_t *weights_bf16; /* NULL with precision fp32 */
    uint8_t labels[ROWS];
    uint32_t samples[ROWS];
} fixture;

/* Fills into with numbers in (-1, 1). */
static void fill(uint32_t stream, size_t count, float *into)
{
    sn_rng rng;
    sn_rng_init(&rng, 7, SN_RNG_INIT, stream, 0, 0);
    for (size_t i = 0; i < count; i++) {
        into[i] = 2 * sn_rng_uniform(&rng) - 1;
    }
}

static void open_fixture(fixture *f, const size_t *hidden, size_t layers)
{
    sn_error err;
    *f = (fixture){.x = sn_alloc(ROWS * INPUT, sizeof(float))};
    assert_int_equal(
        sn_network_init(&f->network, INPUT, hidden, layers, CLASSES, SN_TANH, &err),
        SN_OK);
    assert_int_equal(sn_workspace_init(&f->workspace, &f->network, ROWS, true,
                                       SN_PRECISION_FP32, &err),
                     SN_OK);
    f->parameters = sn_alloc(f->network.arena, sizeof(float));
    f->gradient = sn_alloc(f->network.arena, sizeof(float));
    assert_true(f->x != NULL && f->parameters != NULL && f->gradient != NULL);
    for (size_t l = 0; l < f->network.layers; l++) {
        const sn_layer *layer = &f->network.layer[l];
        fill((uint32_t)l + 1, layer->in * layer->out, f->parameters + layer->weight);
        for (size_t i = 0; i < layer->in * layer->out; i++) {
            f->parameters[layer->weight + i] /= sqrtf((float)layer->in);
        }
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        f->labels[i] = (uint8_t)(i % CLASSES);
        f->samples[i] = i;
    }
}

/* Switches to bf16 products; the parameters must not change afterwards. */
static void use_bf16(fixture *f)
{
    sn_error err;
    f->weights_bf16 = sn_alloc(f->network.arena, sizeof *f->weights_bf16);
    assert_non_null(f->weights_bf16);
    sn_network_weights_to_bf16(&f->network, f->parameters, f->weights_bf16);
    sn_workspace_clear(&f->workspace);
    assert_int_equal(sn_workspace_init(&f->workspace, &f->network, ROWS, true,
                                       SN_PRECISION_BF16_EMULATED, &err),
                     SN_OK);
    f->workspace.weights_bf16 = f->weights_bf16;
}

static void close_fixture(fixture *f)
{
    sn_workspace_clear(&f->workspace);
    sn_network_clear(&f->network);
    free(f->parameters);
    free(f->gradient);
    free(f->x);
    free(f->weights_bf16);
}

static sn_pass pass(fixture *f, size_t rows, float *gradient)
{
    const sn_dropout dropout = {.input = 0.2, .hidden = 0.3, .seed = 1};
    fill(0, ROWS * INPUT, f->x);
    return sn_net_gradient(&f->network, f->parameters, &f->workspace, f->x, f->labels,
                           f->samples, rows, &dropout, gradient);
}

static double largest_difference(size_t count, const float *a, const float *b)
{
    double found = 0;
    for (size_t i = 0; i < count; i++) {
        found = fmax(found, relative_difference((double)a[i], (double)b[i], 1));
    }
    return found;
}

/* Returns |a - b| / |b| with Euclidean norms. */
static double distance(size_t count, const float *a, const float *b)
{
    double difference = 0, whole = 0;
    for (size_t i = 0; i < count; i++) {
        const double d = (double)a[i] - (double)b[i];
        difference += d * d;
        whole += (double)b[i] * (double)b[i];
    }
    return sqrt(difference / whole);
}

/* The record of an observer. */
typedef struct observation {
    const fixture *f;
    size_t calls, first;
    int grew;       /* first increased between two calls */
    float *copy;    /* the final part of the gradient at the last call */
    size_t changes; /* number of elements that changed after they were final */
} observation;

static void observe(void *user, size_t first)
{
    observation *s = user;
    const float *gradient = s->f->gradient;
    for (size_t i = s->first; i < s->f->network.arena; i++) {
        s->changes += gradient[i] != s->copy[i];
    }
    s->grew |= s->calls > 0 && first > s->first;
    s->calls++;
    s->first = first;
    memcpy(s->copy + first, gradient + first,
           (s->f->network.arena - first) * sizeof(float));
}

static void check_observer(sn_precision precision, double bound)
{
    static const size_t hidden[] = {1500, 1700}; /* blocks of a few hundred rows */
    fixture f;
    open_fixture(&f, hidden, 2);
    if (precision != SN_PRECISION_FP32) {
        use_bf16(&f);
    }
    float *whole = sn_alloc(f.network.arena, sizeof(float));
    observation s = {.f = &f, .first = f.network.arena};
    s.copy = sn_alloc(f.network.arena, sizeof(float));
    assert_true(whole != NULL && s.copy != NULL);
    const sn_pass plain = pass(&f, ROWS, whole);
    f.workspace.observer = observe;
    f.workspace.observer_user = &s;
    const sn_pass observed = pass(&f, ROWS, f.gradient);
    assert_true(plain.loss.sum == observed.loss.sum);
    assert_true(s.calls > 2 * f.network.layers);
    assert_int_equal(s.first, 0);
    assert_false(s.grew);
    assert_int_equal(s.changes, 0);
    assert_true(distance(f.network.arena, f.gradient, whole) < bound);
    free(whole);
    free(s.copy);
    close_fixture(&f);
}

static void observed_gradients_are_final_from_the_end_of_the_arena(void **state)
{
    (void)state;
    check_observer(SN_PRECISION_FP32, 1e-6);
    /* the last bit of a sum can change the rounding of an operand */
    check_observer(SN_PRECISION_BF16_EMULATED, 1e-4);
}

static void backends_differ_only_by_rounding(void **state)
{
    (void)state;
    static const size_t hidden[] = {30, 129};
    fixture f;
    open_fixture(&f, hidden, 2);
    float *other = sn_alloc(f.network.arena, sizeof(float));
    assert_non_null(other);
    for (size_t rows = 1; rows <= ROWS; rows += 22) {
        f.workspace.backend = SN_BACKEND_OPENBLAS;
        const sn_pass a = pass(&f, rows, f.gradient);
        for (int b = SN_BACKEND_AUTO; b < SN_BACKENDS; b++) {
            if (!sn_gemm_supports((sn_backend)b)) {
                print_message("this build has no backend %d\n", b);
                continue;
            }
            f.workspace.backend = (sn_backend)b;
            const sn_pass c = pass(&f, rows, other);
            assert_true(relative_difference(a.loss.sum, c.loss.sum, 1) < 1e-6);
            assert_int_equal(a.loss.correct, c.loss.correct);
            assert_true(largest_difference(f.network.arena, f.gradient, other) < 1e-5);
        }
    }
    free(other);
    close_fixture(&f);
}

static void zero_rows_have_a_gradient_of_zero(void **state)
{
    (void)state;
    static const size_t hidden[] = {30};
    fixture f;
    open_fixture(&f, hidden, 1);
    (void)pass(&f, ROWS, f.gradient);
    const sn_pass empty = pass(&f, 0, f.gradient);
    assert_true(empty.loss.sum == 0 && empty.loss.correct == 0);
    for (size_t i = 0; i < f.network.arena; i++) {
        assert_true(f.gradient[i] == 0);
    }
    close_fixture(&f);
}

/* Rows of one class with huge inputs and first weights of zero: the loss and the
 * gradient of each row are finite, the sum over the rows is not. */
static void a_gradient_that_overflows_is_found(void **state)
{
    (void)state;
    static const size_t hidden[] = {16};
    static const sn_dropout none = {.seed = 1};
    for (size_t layers = 0; layers <= 1; layers++) {
        fixture f;
        open_fixture(&f, hidden, layers);
        const sn_layer *first = &f.network.layer[0];
        memset(f.parameters + first->weight, 0,
               first->in * first->out * sizeof *f.parameters);
        memset(f.labels, 0, sizeof f.labels);
        for (size_t rows = 1; rows <= ROWS; rows += ROWS - 1) {
            for (size_t i = 0; i < (size_t)ROWS * INPUT; i++) {
                f.x[i] = 3e38F;
            }
            const sn_pass found =
                sn_net_gradient(&f.network, f.parameters, &f.workspace, f.x, f.labels,
                                f.samples, rows, &none, f.gradient);
            assert_true(isfinite(found.loss.sum));
            assert_int_equal(found.non_finite, rows == 1 ? 0 : 1);
        }
        close_fixture(&f);
    }
}

/* The relative error of an operand is at most 2^-8, and about a third of that on
 * average.  A few operands with independent errors are between a weight and the loss:
 * the error of the whole gradient is then between 1/8 and 4 times 2^-8. */
static void bf16_operands_change_the_gradient_by_about_2_to_the_minus_8(void **state)
{
    (void)state;
    static const size_t hidden[] = {30, 129};
    fixture f, g;
    open_fixture(&f, hidden, 2);
    open_fixture(&g, hidden, 2);
    use_bf16(&g);
    for (size_t rows = 1; rows <= ROWS; rows += 33) {
        const sn_pass a = pass(&f, rows, f.gradient);
        const sn_pass b = pass(&g, rows, g.gradient);
        assert_int_equal(b.non_finite, 0);
        const double d = distance(f.network.arena, g.gradient, f.gradient);
        assert_true(d > 1.0 / 2048 && d < 4.0 / 256);
        assert_true(relative_difference(a.loss.sum, b.loss.sum, 1) < 4.0 / 256);
        /* evaluation uses float32 operands */
        fill(0, ROWS * INPUT, f.x);
        const float *y =
            sn_net_forward(&f.network, f.parameters, &f.workspace, f.x, rows);
        const float *z =
            sn_net_forward(&g.network, g.parameters, &g.workspace, f.x, rows);
        assert_memory_equal(y, z, rows * CLASSES * sizeof *y);
    }
    const sn_pass empty = pass(&g, 0, g.gradient);
    assert_true(empty.loss.sum == 0 && g.gradient[0] == 0);
    close_fixture(&f);
    close_fixture(&g);
}

static double to_float(uint16_t bf16)
{
    float x;
    sn_bf16_to_float(1, &bf16, &x);
    return (double)x;
}

static uint16_t to_bf16(float x)
{
    uint16_t bf16;
    sn_bf16_from_float(1, &x, &bf16);
    return bf16;
}

enum { WIDTH = 12, FEW = 20 };

/* Sets X (ROWS, INPUT) to multiples of 1/2, at most FEW per row not zero, weights to
 * numbers with 9 bits of significand, so that bf16 rounds each, and biases to multiples
 * of 1/4.  Every sum of the forward pass then has fewer than 24 bits, and float32 adds
 * without rounding in any order. */
static void make_exact(fixture *f)
{
    sn_rng rng;
    sn_rng_init(&rng, 7, SN_RNG_INIT, 99, 0, 0);
    for (size_t i = 0; i < ROWS * INPUT; i++) {
        f->x[i] = i % INPUT < FEW ? (float)(sn_rng_next(&rng) % 5) / 2 - 1 : 0;
    }
    for (size_t l = 0; l < f->network.layers; l++) {
        const sn_layer *layer = &f->network.layer[l];
        for (size_t i = 0; i < layer->in * layer->out; i++) {
            const uint32_t word = sn_rng_next(&rng);
            const float size = (float)(257 + 2 * (word % 127)) / 256;
            f->parameters[layer->weight + i] = word >> 31 ? -size : size;
        }
        for (size_t i = 0; i < layer->out; i++) {
            f->parameters[layer->bias + i] = (float)(sn_rng_next(&rng) % 5) / 4;
        }
    }
}

/* z (ROWS, out) := Z of layer l from a (ROWS, in) and the bf16 weights, in double.  The
 * result must fit float32 without rounding. */
static void plain_forward(const fixture *f, size_t l, const uint16_t *a, float *z)
{
    const sn_layer *layer = &f->network.layer[l];
    const float *weight = f->parameters + layer->weight;
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < layer->out; j++) {
            double sum = (double)f->parameters[layer->bias + j];
            for (size_t k = 0; k < layer->in; k++) {
                sum += to_float(a[i * layer->in + k]) *
                       to_float(to_bf16(weight[j * layer->in + k]));
            }
            z[i * layer->out + j] = (float)sum;
            assert_true((double)z[i * layer->out + j] == sum);
        }
    }
}

/* Checks that gradient (out, in) is dZt A of these bf16 operands, except for the
 * rounding of sums of ROWS terms. */
static void check_weight_gradient(size_t out, size_t in, const uint16_t *dz,
                                  const uint16_t *a, const float *gradient)
{
    for (size_t j = 0; j < out; j++) {
        for (size_t k = 0; k < in; k++) {
            double sum = 0, magnitude = 0;
            for (size_t i = 0; i < ROWS; i++) {
                const double term = to_float(dz[i * out + j]) * to_float(a[i * in + k]);
                sum += term;
                magnitude += fabs(term);
            }
            assert_true(fabs((double)gradient[j * in + k] - sum) <=
                        (ROWS + 1) * FLT_EPSILON / 2 * magnitude);
        }
    }
}

/* Checks that dz (ROWS, WIDTH) of the hidden layer is dA * f', rounded to bf16, with
 * dA = dZ W of the bf16 operands above and W.  A sum of CLASSES terms has a rounding
 * error before it is rounded to 8 bits. */
static void check_hidden_gradient(const fixture *f, const uint16_t *above,
                                  const uint16_t *a, const uint16_t *dz)
{
    const float *weight = f->parameters + f->network.layer[1].weight;
    size_t zeros = 0;
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < WIDTH; j++) {
            double sum = 0, magnitude = 0;
            for (size_t k = 0; k < CLASSES; k++) {
                const double term = to_float(above[i * CLASSES + k]) *
                                    to_float(to_bf16(weight[k * WIDTH + j]));
                sum += term;
                magnitude += fabs(term);
            }
            const double found = to_float(dz[i * WIDTH + j]);
            if (to_float(a[i * WIDTH + j]) > 0) {
                assert_true(fabs(found - sum) <= fabs(sum) / 256 * 1.0001 +
                                                     CLASSES * FLT_EPSILON * magnitude);
            } else {
                assert_true(found == 0);
                zeros++;
            }
        }
    }
    assert_true(zeros > 0 && zeros < ROWS * WIDTH);
}

static void a_bf16_gradient_matches_plain_loops(void **state)
{
    (void)state;
    static const size_t hidden[] = {WIDTH};
    static float z[ROWS * WIDTH], top[ROWS * CLASSES];
    static uint16_t x[ROWS * INPUT], a[ROWS * WIDTH], dz[ROWS * CLASSES];
    fixture f;
    open_fixture(&f, hidden, 1);
    f.network.activation = SN_RELU;
    make_exact(&f);
    use_bf16(&f);
    sn_bf16_from_float(ROWS * INPUT, f.x, x);
    plain_forward(&f, 0, x, z);
    size_t changed = 0;
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        z[i] = z[i] > 0 ? z[i] : 0;
        a[i] = to_bf16(z[i]);
        changed += to_float(a[i]) != (double)z[i];
    }
    assert_true(changed > ROWS); /* rounding changes A */
    plain_forward(&f, 1, a, top);
    const sn_loss loss = sn_softmax_gradient(ROWS, CLASSES, f.labels, 0, top);
    sn_bf16_from_float(ROWS * CLASSES, top, dz);

    const sn_dropout none = {0};
    const sn_pass found = sn_net_gradient(&f.network, f.parameters, &f.workspace, f.x,
                                          f.labels, f.samples, ROWS, &none, f.gradient);
    assert_true(found.loss.sum == loss.sum);
    const sn_layer *layer = f.network.layer;
    check_weight_gradient(CLASSES, WIDTH, dz, a, f.gradient + layer[1].weight);
    const uint16_t *hidden_dz = f.workspace.layer[0].bf16;
    check_hidden_gradient(&f, dz, a, hidden_dz);
    check_weight_gradient(WIDTH, INPUT, hidden_dz, x, f.gradient + layer[0].weight);
    for (size_t j = 0; j < CLASSES; j++) { /* db is the sum of dZ in float32 */
        double sum = 0;
        for (size_t i = 0; i < ROWS; i++) {
            sum += (double)top[i * CLASSES + j];
        }
        assert_true(fabs((double)f.gradient[layer[1].bias + j] - sum) <
                    ROWS * FLT_EPSILON / 2 * ROWS);
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observed_gradients_are_final_from_the_end_of_the_arena),
        cmocka_unit_test(backends_differ_only_by_rounding),
        cmocka_unit_test(zero_rows_have_a_gradient_of_zero),
        cmocka_unit_test(a_gradient_that_overflows_is_found),
        cmocka_unit_test(bf16_operands_change_the_gradient_by_about_2_to_the_minus_8),
        cmocka_unit_test(a_bf16_gradient_matches_plain_loops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
