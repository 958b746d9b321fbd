/* SPDX-License-Identifier: BSD-3-Clause */
/* Activations, loss, dropout, initial weights, schedules and bf16. */
#include "support.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/numeric/digest.h"
#include "nn/activation.h"
#include "nn/dropout.h"
#include "nn/elementary.h"
#include "nn/loss.h"
#include "nn/net.h"
#include "nn/products/bf16.h"
#include "nn/products/gemm.h"
#include "nn/schedule.h"

static void activations_match_the_mathematics_library(void **state)
{
    (void)state;
    enum { COLS = 401 };
    float z[COLS], bias[COLS], a[COLS];
    static const sn_activation kinds[] = {SN_TANH, SN_SIGMOID, SN_RELU, SN_LECUN_TANH};
    for (size_t k = 0; k < 4; k++) {
        for (int i = 0; i < COLS; i++) {
            z[i] = a[i] = (float)(i - 200) * 0.05F;
            bias[i] = 0.25F;
        }
        sn_bias_add(1, COLS, bias, a);
        sn_activate(kinds[k], COLS, a);
        for (int i = 0; i < COLS; i++) {
            const double v = (double)(z[i] + bias[i]);
            const double expected = k == 0   ? tanh(v)
                                    : k == 1 ? 1 / (1 + exp(-v))
                                    : k == 2 ? fmax(v, 0)
                                             : 1.7159 * tanh(2.0 / 3 * v);
            assert_true(relative_difference((double)a[i], expected, 1e-4) < 2e-6);
        }
    }
}

/* Returns |found - expected| in units in the last place of expected, a normal float32
 * number or 0. */
static double ulps(float found, double expected)
{
    int exponent;
    (void)frexpf((float)expected, &exponent);
    const double unit = ldexp(1, exponent - FLT_MANT_DIG);
    return fabs((double)found - expected) / (expected == 0 ? FLT_TRUE_MIN : unit);
}

/* Returns the float32 number with these bits. */
static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void exp_and_tanh_keep_their_bounds_on_all_of_float32(void **state)
{
    (void)state;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 3001) {
        const float x = float_of((uint32_t)bits);
        const float e = sn_exp(x), t = sn_tanh(x);
        if (isnan(x)) {
            assert_true(isnan(e) && isnan(t));
            continue;
        }
        if (x < -87.3F || x > 88.3F) {
            assert_true(x < 0 ? e == 0 : isinf(e));
        } else {
            assert_true(ulps(e, exp((double)x)) < 1);
        }
        assert_true(fabsf(t) <= 1);
        assert_true(sn_tanh(-x) == -t);
        if (fabsf(x) >= FLT_MIN) {
            assert_true(ulps(t, tanh((double)x)) < 2.5);
        } else {
            assert_true(t == x);
        }
    }
}

/* Builds for other processors and by other compilers return these bits, too. */
static void activations_and_softmax_have_known_bits(void **state)
{
    (void)state;
    enum { COUNT = 4099, CLASSES = 10 };
    static const uint64_t known[] = {
        UINT64_C(0x323f5b4d4b0e77d1), UINT64_C(0x3a387ab449b4dbd0),
        UINT64_C(0xcc06801ac5628fa0), UINT64_C(0x6123e445ac5dcf90),
        UINT64_C(0x73be9538464cd7ad)};
    static const sn_activation kinds[] = {SN_TANH, SN_SIGMOID, SN_RELU, SN_LECUN_TANH};
    for (size_t k = 0; k < 5; k++) {
        float a[COUNT];
        for (int i = 0; i < COUNT; i++) {
            a[i] = (float)((i * 37) % COUNT - 2000) * 0.0078125F;
        }
        if (k < 4) {
            sn_activate(kinds[k], COUNT, a);
        } else {
            sn_softmax(COUNT / CLASSES, CLASSES, a);
        }
        assert_int_equal(sn_hash(0, a, sizeof a), known[k]);
    }
}

static void activations_keep_nan_and_are_finite_for_large_inputs(void **state)
{
    (void)state;
    static const sn_activation kinds[] = {SN_TANH, SN_SIGMOID, SN_RELU, SN_LECUN_TANH};
    for (size_t k = 0; k < 4; k++) {
        float a[32];
        for (int i = 0; i < 32; i++) {
            a[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? 1e30F : -1e30F;
        }
        sn_activate(kinds[k], 32, a);
        for (int i = 0; i < 32; i++) {
            assert_int_equal(isnan(a[i]) != 0, i % 3 == 0);
        }
    }
}

static void softmax_is_stable_and_its_gradient_sums_to_zero(void **state)
{
    (void)state;
    const float z[] = {1000, 999, -1000, 0.5F, 0.25F, 0, -80, -90, -100};
    const uint8_t labels[] = {1, 0, 2};
    float d[9];
    memcpy(d, z, sizeof d);
    sn_loss loss = sn_softmax_gradient(3, 3, labels, 0, d);
    /* -log softmax of each label: 1 + log(1 + e^-1), ..., 20 + log(1 + e^-10 + e^-20) */
    const double expected = 1 + log1p(exp(-1)) + log(1 + exp(-0.25) + exp(-0.5)) + 20 +
                            log1p(exp(-10) + exp(-20));
    assert_true(relative_difference(loss.sum, expected, 1) < 1e-6);
    assert_int_equal(loss.correct, 1);
    for (int i = 0; i < 3; i++) {
        assert_true(fabsf(d[3 * i] + d[3 * i + 1] + d[3 * i + 2]) < 1e-6F);
    }
}

/* The loss of K classes and smoothing s is that of the label times 1 - s + s / K, plus
 * those of the other classes times s / K. */
static void smoothed_labels_share_the_loss_between_the_classes(void **state)
{
    (void)state;
    enum { CLASSES = 4 };
    static const float z[CLASSES] = {0.5F, -2, 3, 1};
    const double smoothing = 0.2;
    for (int label = 0; label < CLASSES; label++) {
        const uint8_t truth = (uint8_t)label;
        float d[CLASSES], p[CLASSES];
        memcpy(d, z, sizeof d);
        memcpy(p, z, sizeof p);
        sn_softmax(1, CLASSES, p);
        const sn_loss found = sn_softmax_gradient(1, CLASSES, &truth, smoothing, d);
        double expected = 0;
        for (int j = 0; j < CLASSES; j++) {
            const double target =
                smoothing / CLASSES + (j == label ? 1 - smoothing : 0);
            expected -= target * log((double)p[j]);
            assert_true(fabs((double)(d[j] - p[j]) + target) < 1e-6);
        }
        assert_true(relative_difference(found.sum, expected, 1) < 1e-6);
        assert_int_equal(found.correct, label == 2);
    }
}

static void softmax_returns_probabilities(void **state)
{
    (void)state;
    float p[] = {1000, 999, -1000, 0.5F, 0.25F, 0, 3, 3, 3};
    sn_softmax(3, 3, p);
    for (int i = 0; i < 3; i++) {
        assert_true(fabsf(p[3 * i] + p[3 * i + 1] + p[3 * i + 2] - 1) < 1e-6F);
    }
    assert_true(relative_difference((double)p[0], 1 / (1 + exp(-1)), 1) < 1e-6);
    assert_true(p[2] == 0);
    assert_true(relative_difference((double)(p[3] / p[4]), exp(0.25), 1) < 1e-6);
    assert_true(p[6] == p[7] && p[7] == p[8]);
}

static void the_first_of_equal_outputs_is_predicted(void **state)
{
    (void)state;
    for (uint8_t label = 0; label < 3; label++) {
        float z[] = {2, 2, 1};
        assert_int_equal(sn_softmax_gradient(1, 3, &label, 0, z).correct,
                         label == 0 ? 1 : 0);
    }
}

static void a_loss_of_outputs_that_are_not_finite_is_not_finite(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY};
    for (size_t i = 0; i < 20; i++) {
        float z[10] = {0};
        const uint8_t label = 3;
        z[i / 2] = bad[i % 2];
        assert_true(!isfinite(sn_softmax_gradient(1, 10, &label, 0, z).sum));
    }
    float z[3] = {0, -INFINITY, 0};
    const uint8_t labels[] = {0, 1};
    assert_true(isfinite(sn_softmax_gradient(1, 3, labels, 0, z).sum));
    memcpy(z, (float[]){0, -INFINITY, 0}, sizeof z);
    assert_true(isinf(sn_softmax_gradient(1, 3, labels + 1, 0, z).sum));
}

static void dropout_keeps_the_mean_and_depends_on_the_sample(void **state)
{
    (void)state;
    enum { ROWS = 50, COLS = 1001 };
    float *a = sn_alloc(ROWS * COLS, sizeof *a);
    uint8_t *mask = sn_alloc(ROWS * COLS, 1);
    assert_non_null(a);
    assert_non_null(mask);
    for (int i = 0; i < ROWS * COLS; i++) {
        a[i] = 1;
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        sn_dropout_apply(0.3, 9, 4, 2, 7 * i, COLS, a + i * COLS, mask + i * COLS);
    }
    double sum = 0;
    for (int i = 0; i < ROWS * COLS; i++) {
        assert_true(mask[i] ? fabsf(a[i] - 1 / 0.7F) < 1e-4F : a[i] == 0);
        sum += (double)a[i];
    }
    /* the variance of one term is p / (1 - p) */
    const double n = ROWS * COLS;
    assert_true(fabs(sum / n - 1) < 5 * sqrt(0.3 / 0.7 / n));

    float one[COLS];
    for (int i = 0; i < COLS; i++) {
        one[i] = 1;
    }
    sn_dropout_apply(0.3, 9, 4, 2, 7 * 31, COLS, one, NULL);
    assert_memory_equal(one, a + 31 * COLS, sizeof one);
    free(a);
    free(mask);
}

static void initial_weights_have_the_documented_bounds_and_variance(void **state)
{
    (void)state;
    const size_t hidden[] = {40};
    sn_network network;
    sn_error err;
    assert_int_equal(sn_network_init(&network, 60, hidden, 1, 10, SN_TANH, &err),
                     SN_OK);
    float *p = sn_alloc(network.arena, sizeof *p);
    assert_non_null(p);
    static const sn_init kinds[] = {SN_INIT_UNIFORM, SN_INIT_XAVIER, SN_INIT_HE};
    for (int k = 0; k < 3; k++) {
        sn_init_parameters(&network, kinds[k], 0.5, 3, p);
        const double bound = 0.5 * (k == 0   ? 1
                                    : k == 1 ? sqrt(6.0 / 100)
                                             : sqrt(6.0 / 60));
        double square = 0;
        for (size_t i = 0; i < 2400; i++) {
            assert_true(fabs((double)p[i]) < bound);
            square += (double)p[i] * (double)p[i];
        }
        assert_true(relative_difference(square / 2400, bound * bound / 3, 0) < 0.1);
        for (size_t j = 0; j < 40; j++) {
            assert_true(p[network.layer[0].bias + j] == 0);
        }
    }
    free(p);
    sn_network_clear(&network);
}

static void rates_follow_the_formulas_of_the_schedules(void **state)
{
    (void)state;
    sn_schedule s = {.kind = SN_SCHEDULE_INVERSE,
                     .rate = 1,
                     .decay = 0.5,
                     .epochs = 10,
                     .decay_every = 1};
    assert_true(sn_schedule_epoch_rate(&s, 0) == 1);
    assert_true(fabs(sn_schedule_epoch_rate(&s, 3) - 1 / 1.5 / 2 / 2.5) < 1e-15);
    s = (sn_schedule){
        .kind = SN_SCHEDULE_STEP, .rate = 1, .decay = 0.5, .decay_every = 3};
    assert_true(sn_schedule_epoch_rate(&s, 2) == 1);
    assert_true(sn_schedule_epoch_rate(&s, 3) == 0.5);
    assert_true(sn_schedule_epoch_rate(&s, 8) == 0.25);
    s = (sn_schedule){.kind = SN_SCHEDULE_COSINE, .rate = 2, .epochs = 10};
    for (int epoch = 0; epoch <= 10; epoch++) {
        const double expected = 1 + cos(3.14159265358979323846 * (epoch + 0.25) / 10);
        const double t = epoch == 10 ? 0 : expected;
        assert_true(fabs(sn_schedule_step_rate(&s, 2, epoch, 1, 4) - t) < 1e-12);
    }
    s = (sn_schedule){.kind = SN_SCHEDULE_LINEAR, .rate = 2, .epochs = 4};
    assert_true(sn_schedule_step_rate(&s, 2, 0, 0, 4) == 2);
    assert_true(sn_schedule_step_rate(&s, 2, 1, 2, 4) == 2 * (1 - 1.5 / 4));
    assert_true(sn_schedule_step_rate(&s, 2, 3, 3, 4) == 2 * 0.25 / 4);
    assert_true(sn_schedule_step_rate(&s, 2, 5, 0, 4) == 0);
    s = (sn_schedule){.kind = SN_SCHEDULE_WARMUP_STABLE_DECAY,
                      .rate = 2,
                      .epochs = 8,
                      .warmup_epochs = 1,
                      .decay_fraction = 0.25};
    assert_true(sn_schedule_step_rate(&s, 2, 0, 0, 4) < 1);
    assert_true(sn_schedule_step_rate(&s, 2, 1, 0, 4) == 2);
    assert_true(sn_schedule_step_rate(&s, 2, 6, 0, 4) == 2);
    assert_true(sn_schedule_step_rate(&s, 2, 7, 0, 4) == 1);
    assert_true(sn_schedule_step_rate(&s, 2, 7, 3, 4) == 0.25);
    assert_true(sn_schedule_step_rate(&s, 2, 9, 0, 4) == 0);
    s = (sn_schedule){.kind = SN_SCHEDULE_CONSTANT, .rate = 1, .warmup_epochs = 2};
    assert_true(sn_schedule_step_rate(&s, 1, 0, 0, 10) > 0);
    double previous = 0;
    for (int step = 0; step < 20; step++) {
        double rate = sn_schedule_step_rate(&s, 1, step / 10, step % 10, 10);
        assert_true(rate > previous && rate <= 1);
        previous = rate;
    }
    assert_true(sn_schedule_step_rate(&s, 1, 2, 0, 10) == 1);
}

static void bf16_rounds_to_nearest_ties_to_even(void **state)
{
    (void)state;
    static const struct {
        float x, expected;
    } cases[] = {{0, 0},
                 {1, 1},
                 {-1.5F, -1.5F},
                 {1 + 1.0F / 256, 1},              /* a tie; even is below */
                 {1 + 3.0F / 256, 1 + 4.0F / 256}, /* a tie; even is above */
                 {1 + 1.1F / 256, 1 + 2.0F / 256}, /* above a tie */
                 {FLT_MAX, INFINITY},              /* above the largest bf16 */
                 {-INFINITY, -INFINITY}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint16_t bf16;
        float back;
        sn_bf16_from_float(1, &cases[i].x, &bf16);
        sn_bf16_to_float(1, &bf16, &back);
        assert_true(back == cases[i].expected);
    }
    float x[100], back[100];
    uint16_t bf16s[100], sum[100];
    for (int i = 0; i < 100; i++) {
        x[i] = expf((float)(i - 50)) * (i % 2 == 0 ? 1.0F : -1.0F);
    }
    x[7] = NAN;
    sn_bf16_from_float(100, x, bf16s);
    sn_bf16_to_float(100, bf16s, back);
    memcpy(sum, bf16s, sizeof sum);
    sn_bf16_add(100, bf16s, sum);
    for (int i = 0; i < 100; i++) {
        float twice;
        sn_bf16_to_float(1, &sum[i], &twice);
        if (i == 7) {
            assert_true(isnan(back[i]) && isnan(twice));
        } else {
            assert_true(relative_difference((double)back[i], (double)x[i], 0) <=
                        1.0 / 256);
            assert_true(twice == 2 * back[i]);
        }
    }
}

static void networks_of_impossible_sizes_are_rejected(void **state)
{
    (void)state;
    sn_network network;
    sn_error err;
    const size_t zero[] = {0};
    assert_int_equal(sn_network_init(&network, 4, zero, 1, 3, SN_TANH, &err),
                     SN_ECONFIG);
    const size_t huge[] = {(size_t)1 << 40};
    assert_int_equal(sn_network_init(&network, 4, huge, 1, 3, SN_TANH, &err),
                     SN_ERANGE);
    assert_int_equal(sn_gemm_check((size_t)1 << 31, "x", &err), SN_ERANGE);
    assert_int_equal(sn_gemm_check(((size_t)1 << 31) - 1, "x", &err), SN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_match_the_mathematics_library),
        cmocka_unit_test(exp_and_tanh_keep_their_bounds_on_all_of_float32),
        cmocka_unit_test(activations_and_softmax_have_known_bits),
        cmocka_unit_test(activations_keep_nan_and_are_finite_for_large_inputs),
        cmocka_unit_test(smoothed_labels_share_the_loss_between_the_classes),
        cmocka_unit_test(softmax_returns_probabilities),
        cmocka_unit_test(softmax_is_stable_and_its_gradient_sums_to_zero),
        cmocka_unit_test(the_first_of_equal_outputs_is_predicted),
        cmocka_unit_test(a_loss_of_outputs_that_are_not_finite_is_not_finite),
        cmocka_unit_test(dropout_keeps_the_mean_and_depends_on_the_sample),
        cmocka_unit_test(initial_weights_have_the_documented_bounds_and_variance),
        cmocka_unit_test(rates_follow_the_formulas_of_the_schedules),
        cmocka_unit_test(bf16_rounds_to_nearest_ties_to_even),
        cmocka_unit_test(networks_of_impossible_sizes_are_rejected)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
