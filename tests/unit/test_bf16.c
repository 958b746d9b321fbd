/* SPDX-License-Identifier: BSD-3-Clause */
/* Products of bf16 factors, oneDNN's matmul code in float32, the optimizer's rounded
 * weights, and a network's gradient with rounded factors. */
#include "support.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "nn/net.h"
#include "nn/optimizer.h"
#include "nn/products/bf16.h"
#include "nn/products/gemm_bf16.h"
#include "nn/products/gemm_matmul.h"

static const char *filter; /* names of the tests to run, NULL for all */

/* In (-1, 1), with all 24 bits of significand. */
static void fill(uint32_t stream, size_t count, float *into)
{
    sn_rng rng;
    sn_rng_init(&rng, 5, SN_RNG_INIT, stream, 0, 0);
    for (size_t i = 0; i < count; i++) {
        into[i] = 2 * sn_rng_uniform(&rng) - 1;
    }
}

static void *memory(size_t count, size_t bytes)
{
    void *found = sn_alloc(count, bytes);
    assert_non_null(found);
    return found;
}

/* The nearest number with 8 bits of significand, the even one of two: by arithmetic on
 * numbers, where the program works on bits. */
static double nearest(double x)
{
    int exponent;
    const double fraction = frexp(x, &exponent) * 256; /* |fraction| in [128, 256) */
    double whole = floor(fraction);
    const double rest = fraction - whole;
    if (rest > 0.5 || (rest == 0.5 && fmod(whole, 2) != 0)) {
        whole++;
    }
    return ldexp(whole, exponent - 8);
}

static double widened(uint16_t bf16)
{
    float x;
    sn_bf16_to_float(1, &bf16, &x);
    return (double)x;
}

/* Rows of the factors in memory, their stored widths included. */
static size_t rows_a(const sn_gemm_shape *s)
{
    return s->transpose_a ? s->k : s->m;
}

static size_t rows_b(const sn_gemm_shape *s)
{
    return s->transpose_b ? s->n : s->k;
}

/* Element (i, j) of op(A) op(B) in double, and the sum of the terms' magnitudes. */
static double exact(const sn_gemm_shape *s, const float *a, const float *b, size_t i,
                    size_t j, double *magnitude)
{
    double sum = 0;
    *magnitude = 0;
    for (size_t p = 0; p < s->k; p++) {
        const double x =
            (double)(s->transpose_a ? a[p * s->lda + i] : a[i * s->lda + p]);
        const double y =
            (double)(s->transpose_b ? b[j * s->ldb + p] : b[p * s->ldb + j]);
        sum += x * y;
        *magnitude += fabs(x * y);
    }
    return sum;
}

/* Products are exact or rounded once, sums are rounded k - 1 times, in any order: the
 * error is at most k u / (1 - k u) of the terms' magnitudes, u = 2^-24 (Higham 2002,
 * 3.1).  Returns how many elements a product of a and b has beyond that. */
static size_t count_beyond(const sn_gemm_shape *s, const float *a, const float *b,
                           const float *c)
{
    const double ku = (double)(s->k + 1) * FLT_EPSILON / 2;
    size_t beyond = 0;
    for (size_t i = 0; i < s->m; i++) {
        for (size_t j = 0; j < s->n; j++) {
            double magnitude;
            const double expected = exact(s, a, b, i, j, &magnitude);
            beyond += !(fabs((double)c[i * s->n + j] - expected) <=
                        ku / (1 - ku) * magnitude);
        }
    }
    return beyond;
}

static const sn_gemm_shape shapes[] = {
    {false, true, 67, 129, 131, 131, 131},
    {false, true, 1, 10, 7, 7, 7},
    {false, true, 5, 1, 300, 300, 300},
    {false, true, 3, 3, 1, 1, 1},
    {false, true, 80, 10, 63, 63, 63},  /* SIGILL by AMX in oneDNN 2.6.3, */
    {false, false, 80, 10, 63, 63, 10}, /* and these */
    {true, false, 80, 10, 63, 80, 10},
    {false, false, 67, 131, 129, 129, 131},
    {false, false, 1, 7, 10, 10, 7},
    {false, false, 9, 1, 1, 1, 1},
    {true, false, 129, 131, 67, 129, 131},
    {true, false, 10, 7, 1, 10, 7},
    {true, false, 1, 33, 5, 1, 33},
    {true, false, 17, 31, 67, 129, 31}, /* some columns of a wider matrix */
    {true, false, 17, 31, 67, 130, 31}, /* each now differs in one thing */
    {false, true, 6, 6, 6, 6, 6},
    {false, false, 6, 6, 6, 6, 6},
    {true, false, 6, 6, 6, 6, 6}};
enum { SHAPES = sizeof shapes / sizeof shapes[0], ROOM = 300 * 300 };

static void check_products(sn_precision precision, sn_backend backend)
{
    float *a = memory(ROOM, sizeof *a), *b = memory(ROOM, sizeof *b);
    float *wide_a = memory(ROOM, sizeof *a), *wide_b = memory(ROOM, sizeof *b);
    uint16_t *half_a = memory(ROOM, sizeof *half_a);
    uint16_t *half_b = memory(ROOM, sizeof *half_b);
    float *c = memory(ROOM, sizeof *c);
    sn_error err;
    for (size_t i = 0; i < SHAPES; i++) {
        const sn_gemm_shape *s = &shapes[i];
        const size_t count_a = rows_a(s) * s->lda, count_b = rows_b(s) * s->ldb;
        sn_gemm_bf16 *gemm;
        assert_int_equal(
            sn_gemm_bf16_create(precision, s->m * s->k, count_b, &gemm, &err), SN_OK);
        fill((uint32_t)(2 * i), count_a, a);
        fill((uint32_t)(2 * i + 1), count_b, b);
        sn_bf16_from_float(count_a, a, half_a);
        sn_bf16_from_float(count_b, b, half_b);
        sn_bf16_to_float(count_a, half_a, wide_a);
        sn_bf16_to_float(count_b, half_b, wide_b);
        c[s->m * s->n] = 77;
        sn_gemm_bf16_run(gemm, backend, s, half_a, half_b, c);
        assert_int_equal(sn_gemm_bf16_status(gemm, &err), SN_OK);
        assert_int_equal(count_beyond(s, wide_a, wide_b, c), 0);
        assert_true(c[s->m * s->n] == 77);
        /* of the unrounded factors it would be another product */
        assert_true(count_beyond(s, a, b, c) > s->m * s->n / 2);
        sn_gemm_bf16_destroy(&gemm);
        assert_null(gemm);
    }
    free(a), free(b), free(wide_a), free(wide_b), free(half_a), free(half_b), free(c);
}

static void emulated_products_are_those_of_the_rounded_factors(void **state)
{
    (void)state;
    for (int b = SN_BACKEND_AUTO; b < SN_BACKENDS; b++) {
        if (sn_gemm_supports((sn_backend)b)) {
            check_products(SN_PRECISION_BF16_EMULATED, (sn_backend)b);
        }
    }
}

static void products_by_bf16_instructions_are_the_same(void **state)
{
    (void)state;
    sn_error err;
    if (sn_precision_check(SN_PRECISION_BF16, &err) != SN_OK) {
        assert_null(filter); /* who asks for this test expects it to run */
        print_message("unavailable: bf16 needs %s\n", err.message);
        skip();
    }
    check_products(SN_PRECISION_BF16, SN_BACKEND_AUTO);
}

/* What computes bf16, but for the type. */
static void onednn_computes_every_shape_in_float32(void **state)
{
    (void)state;
    sn_error err;
    sn_matmul *matmul;
    if (!sn_gemm_supports(SN_BACKEND_ONEDNN)) {
        assert_int_equal(sn_matmul_create(SN_MATMUL_F32, &matmul, &err), SN_ECONFIG);
        assert_null(matmul);
        return;
    }
    assert_int_equal(sn_matmul_create(SN_MATMUL_F32, &matmul, &err), SN_OK);
    float *a = memory(ROOM, sizeof *a), *b = memory(ROOM, sizeof *b);
    float *c = memory(ROOM, sizeof *c), *again = memory(ROOM, sizeof *c);
    for (int round = 0; round < 2; round++) { /* prepared, then found again */
        for (size_t i = 0; i < SHAPES; i++) {
            const sn_gemm_shape *s = &shapes[i];
            fill((uint32_t)(2 * i) + (uint32_t)round, rows_a(s) * s->lda, a);
            fill((uint32_t)(2 * i + 1), rows_b(s) * s->ldb, b);
            c[s->m * s->n] = 77;
            assert_int_equal(sn_matmul_run(matmul, s, a, b, c, &err), SN_OK);
            assert_int_equal(count_beyond(s, a, b, c), 0);
            assert_true(c[s->m * s->n] == 77);
            assert_int_equal(sn_matmul_run(matmul, s, a, b, again, &err), SN_OK);
            assert_memory_equal(c, again, s->m * s->n * sizeof *c);
        }
    }
    /* a shape that cannot be is an error, and costs nothing that was prepared */
    sn_gemm_shape impossible = shapes[0];
    impossible.m = SIZE_MAX;
    assert_int_equal(sn_matmul_run(matmul, &impossible, a, b, c, &err), SN_EINTERNAL);
    fill(0, ROOM, a);
    fill(1, ROOM, b);
    assert_int_equal(sn_matmul_run(matmul, &shapes[0], a, b, c, &err), SN_OK);
    assert_int_equal(count_beyond(&shapes[0], a, b, c), 0);
    sn_matmul_destroy(&matmul);
    assert_null(matmul);
    free(a), free(b), free(c), free(again);
}

/* Does the kernel name one of these instruction sets? */
static bool processor_has(const char *const *flags, size_t count)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[8192];
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        for (size_t i = 0; i < count; i++) {
            found = found || (strncmp(line, "flags", 5) == 0 && strstr(line, flags[i]));
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

static void bf16_is_refused_where_it_cannot_be(void **state)
{
    (void)state;
    static const char *const sure[] = {"avx512_bf16", "amx_bf16"};
    static const char *const all[] = {"avx512_bf16", "amx_bf16", "avx_ne_convert"};
    sn_error err = {""};
    assert_int_equal(sn_precision_check(SN_PRECISION_FP32, &err), SN_OK);
    assert_int_equal(sn_precision_check(SN_PRECISION_BF16_EMULATED, &err), SN_OK);
    const sn_status found = sn_precision_check(SN_PRECISION_BF16, &err);
    const bool limited =
        getenv("ONEDNN_MAX_CPU_ISA") != NULL || getenv("DNNL_MAX_CPU_ISA") != NULL;
    if (!sn_gemm_supports(SN_BACKEND_ONEDNN)) {
        assert_int_equal(found, SN_ECONFIG);
        assert_non_null(strstr(err.message, "oneDNN, not part of this build"));
    } else if (!processor_has(all, 3)) {
        assert_int_equal(found, SN_ECONFIG);
        assert_non_null(strstr(err.message, "AVX512-BF16 or AMX, not supported by"));
    } else if (processor_has(sure, 2) && !limited) {
        assert_int_equal(found, SN_OK);
        assert_string_not_equal(sn_precision_method(SN_PRECISION_BF16), "");
    }
    sn_gemm_bf16 *gemm;
    assert_int_equal(sn_gemm_bf16_create(SN_PRECISION_BF16, 1, 1, &gemm, &err), found);
    assert_true((gemm == NULL) == (found != SN_OK));
    assert_int_equal(sn_gemm_bf16_status(gemm, &err), SN_OK);
    sn_gemm_bf16_destroy(&gemm);
}

static bool is_weight(const sn_network *network, size_t at)
{
    for (size_t l = 0; l < network->layers; l++) {
        const sn_layer *layer = &network->layer[l];
        if (at >= layer->weight && at < layer->weight + layer->in * layer->out) {
            return true;
        }
    }
    return false;
}

static void an_update_leaves_the_weights_rounded(void **state)
{
    (void)state;
    static const size_t hidden[] = {301, 7}; /* more than a part, and less */
    enum { MARK = 0xABCD };
    sn_network network;
    sn_error err;
    assert_int_equal(sn_network_init(&network, 300, hidden, 2, 10, SN_TANH, &err),
                     SN_OK);
    float *p = memory(network.arena, sizeof *p), *q = memory(network.arena, sizeof *p);
    float *v = memory(network.arena, sizeof *p), *g = memory(network.arena, sizeof *p);
    uint16_t *half = memory(network.arena, sizeof *half);
    uint16_t *other = memory(network.arena, sizeof *half);
    fill(8, network.arena, g);
    for (int kind = SN_HEAVY_BALL; kind <= SN_PREVIOUS_GRADIENT; kind++) {
        const sn_optimizer o = {.kind = (sn_momentum)kind,
                                .momentum = 0.9,
                                .l1 = 1e-4,
                                .l2 = 1e-3,
                                .max_norm = 2}; /* bounds the first layer alone */
        fill(9, network.arena, p);
        memcpy(q, p, network.arena * sizeof *p);
        for (size_t i = 0; i < network.arena; i++) {
            half[i] = other[i] = MARK;
        }
        memset(v, 0, network.arena * sizeof *v);
        sn_optimizer_update(&o, &network, 0.1, 0.5, g, v, p, half);
        memset(v, 0, network.arena * sizeof *v);
        sn_optimizer_update(&o, &network, 0.1, 0.5, g, v, q, NULL);
        assert_memory_equal(p, q, network.arena * sizeof *p);
        sn_network_weights_to_bf16(&network, p, other);
        assert_memory_equal(half, other, network.arena * sizeof *half);
        size_t rounded = 0;
        for (size_t i = 0; i < network.arena; i++) {
            if (is_weight(&network, i)) {
                assert_true(widened(half[i]) == nearest((double)p[i]));
                rounded += widened(half[i]) != (double)p[i];
            } else {
                assert_int_equal(half[i], MARK);
            }
        }
        assert_true(rounded > network.parameters / 2);
    }
    free(p), free(q), free(v), free(g), free(half), free(other);
    sn_network_clear(&network);
}

int main(int argc, char **argv)
{
    filter = argc > 1 ? argv[1] : NULL;
    cmocka_set_test_filter(filter);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emulated_products_are_those_of_the_rounded_factors),
        cmocka_unit_test(products_by_bf16_instructions_are_the_same),
        cmocka_unit_test(onednn_computes_every_shape_in_float32),
        cmocka_unit_test(bf16_is_refused_where_it_cannot_be),
        cmocka_unit_test(an_update_leaves_the_weights_rounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
