/* SPDX-License-Identifier: BSD-3-Clause */
/* Products of bf16 operands, products by oneDNN in float32, and bf16 weights after an
 * update. */
#include "support.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/numeric/rng.h"
#include "nn/net.h"
#include "nn/optimizer.h"
#include "nn/products/bf16.h"
#include "nn/products/gemm_matmul.h"
#include "nn/products/products.h"

static const char *filter; /* pattern of the tests to run; NULL: all */

/* Fills into with numbers in (-1, 1) that need all 24 bits of the significand. */
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

/* Returns the nearest number with 8 bits of significand, ties to even; it computes with
 * numbers, whereas the program computes with bits. */
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

static double to_float(uint16_t bf16)
{
    float x;
    sn_bf16_to_float(1, &bf16, &x);
    return (double)x;
}

/* Returns the number of rows of A in memory. */
static size_t rows_a(const sn_gemm_shape *s)
{
    return s->transpose_a ? s->k : s->m;
}

static size_t rows_b(const sn_gemm_shape *s)
{
    return s->transpose_b ? s->n : s->k;
}

/* Returns element (i, j) of op(A) op(B) in double; *magnitude := the sum of |terms|. */
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

/* Returns the number of elements of C that are not op(A) op(B) within rounding.  A term
 * is rounded at most once, and a sum k - 1 times in any order: the error is at most k u
 * / (1 - k u) of the sum of |terms|, u = 2^-24 (Higham 2002, 3.1). */
static size_t count_errors(const sn_gemm_shape *s, const float *a, const float *b,
                           const float *c)
{
    const double ku = (double)(s->k + 1) * FLT_EPSILON / 2;
    size_t errors = 0;
    for (size_t i = 0; i < s->m; i++) {
        for (size_t j = 0; j < s->n; j++) {
            double magnitude;
            const double expected = exact(s, a, b, i, j, &magnitude);
            errors += !(fabs((double)c[i * s->n + j] - expected) <=
                        ku / (1 - ku) * magnitude);
        }
    }
    return errors;
}

static const sn_gemm_shape shapes[] = {
    {false, true, 67, 129, 131, 131, 131},
    {false, true, 1, 10, 7, 7, 7},
    {false, true, 5, 1, 300, 300, 300},
    {false, true, 3, 3, 1, 1, 1},
    {false, true, 80, 10, 63, 63, 63},  /* SIGILL with AMX in oneDNN 2.6.3 */
    {false, false, 80, 10, 63, 63, 10}, /* likewise */
    {true, false, 80, 10, 63, 80, 10},
    {false, false, 67, 131, 129, 129, 131},
    {false, false, 1, 7, 10, 10, 7},
    {false, false, 9, 1, 1, 1, 1},
    {true, false, 129, 131, 67, 129, 131},
    {true, false, 10, 7, 1, 10, 7},
    {true, false, 1, 33, 5, 1, 33},
    {true, false, 17, 31, 67, 129, 31}, /* some columns of a wider matrix */
    {true, false, 17, 31, 67, 130, 31}, /* the same shape with another lda */
    {false, true, 6, 6, 6, 6, 6},
    {false, false, 6, 6, 6, 6, 6},
    {true, false, 6, 6, 6, 6, 6}};
enum { SHAPES = sizeof shapes / sizeof shapes[0], ROOM = 300 * 300 };

static void check_products(sn_precision precision, sn_backend backend)
{
    float *a = memory(ROOM, sizeof *a), *b = memory(ROOM, sizeof *b);
    float *real_a = memory(ROOM, sizeof *a), *real_b = memory(ROOM, sizeof *b);
    uint16_t *bf16_a = memory(ROOM, sizeof *bf16_a);
    uint16_t *bf16_b = memory(ROOM, sizeof *bf16_b);
    float *c = memory(ROOM, sizeof *c);
    sn_error err;
    assert_int_equal(sn_gemm_load(&err), SN_OK);
    for (size_t i = 0; i < SHAPES; i++) {
        const sn_gemm_shape *s = &shapes[i];
        const size_t count_a = rows_a(s) * s->lda, count_b = rows_b(s) * s->ldb;
        sn_products *products;
        assert_int_equal(
            sn_products_create(precision, s->m * s->k, count_b, &products, &err),
            SN_OK);
        fill((uint32_t)(2 * i), count_a, a);
        fill((uint32_t)(2 * i + 1), count_b, b);
        sn_bf16_from_float(count_a, a, bf16_a);
        sn_bf16_from_float(count_b, b, bf16_b);
        sn_bf16_to_float(count_a, bf16_a, real_a);
        sn_bf16_to_float(count_b, bf16_b, real_b);
        c[s->m * s->n] = 77;
        sn_products_run_bf16(products, backend, s, bf16_a, bf16_b, c);
        assert_int_equal(sn_products_status(products, &err), SN_OK);
        assert_int_equal(count_errors(s, real_a, real_b, c), 0);
        assert_true(c[s->m * s->n] == 77);
        /* the product of the float32 operands would be different */
        assert_true(count_errors(s, a, b, c) > s->m * s->n / 2);
        sn_products_destroy(&products);
        assert_null(products);
    }
    free(a), free(b), free(real_a), free(real_b), free(bf16_a), free(bf16_b), free(c);
}

static void emulated_products_match_their_bf16_operands(void **state)
{
    (void)state;
    for (int b = SN_BACKEND_AUTO; b < SN_BACKENDS; b++) {
        if (sn_gemm_supports((sn_backend)b)) {
            check_products(SN_PRECISION_BF16_EMULATED, (sn_backend)b);
        }
    }
}

#ifdef SHARDNET_ONEDNN
static void products_by_bf16_instructions_match_their_operands(void **state)
{
    (void)state;
    sn_error err;
    if (sn_precision_check(SN_PRECISION_BF16, &err) != SN_OK) {
        assert_null(filter); /* a test that is selected by name must run */
        print_message("unavailable: bf16 needs %s\n", err.message);
        skip();
    }
    check_products(SN_PRECISION_BF16, SN_BACKEND_AUTO);
}
#endif

static void onednn_products_of_every_shape_match_in_float32(void **state)
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
    for (int round = 0; round < 2; round++) { /* new shapes, then known shapes */
        for (size_t i = 0; i < SHAPES; i++) {
            const sn_gemm_shape *s = &shapes[i];
            fill((uint32_t)(2 * i) + (uint32_t)round, rows_a(s) * s->lda, a);
            fill((uint32_t)(2 * i + 1), rows_b(s) * s->ldb, b);
            c[s->m * s->n] = 77;
            assert_int_equal(sn_matmul_run(matmul, s, a, b, c, &err), SN_OK);
            assert_int_equal(count_errors(s, a, b, c), 0);
            assert_true(c[s->m * s->n] == 77);
            assert_int_equal(sn_matmul_run(matmul, s, a, b, again, &err), SN_OK);
            assert_memory_equal(c, again, s->m * s->n * sizeof *c);
        }
    }
    /* an invalid shape is an error, and the known shapes still work */
    sn_gemm_shape invalid = shapes[0];
    invalid.m = SIZE_MAX;
    assert_int_equal(sn_matmul_run(matmul, &invalid, a, b, c, &err), SN_EINTERNAL);
    fill(0, ROOM, a);
    fill(1, ROOM, b);
    assert_int_equal(sn_matmul_run(matmul, &shapes[0], a, b, c, &err), SN_OK);
    assert_int_equal(count_errors(&shapes[0], a, b, c), 0);
    sn_matmul_destroy(&matmul);
    assert_null(matmul);
    free(a), free(b), free(c), free(again);
}

static void the_first_error_of_a_product_is_kept(void **state)
{
    (void)state;
    sn_error err, expected;
    sn_products *products;
    sn_gemm_shape invalid = shapes[0];
    invalid.m = SIZE_MAX;
    float *a = memory(ROOM, sizeof *a), *c = memory(ROOM, sizeof *c);
    assert_int_equal(sn_gemm_load(&err), SN_OK);
    assert_int_equal(sn_products_create(SN_PRECISION_FP32, 1, 1, &products, &err),
                     SN_OK);
    sn_products_run(products, SN_BACKEND_OPENBLAS, &shapes[0], a, a, c);
    assert_int_equal(sn_products_status(products, &err), SN_OK);
    sn_products_run(products, SN_BACKEND_ONEDNN, &invalid, a, a, c);
    const sn_status first = sn_products_status(products, &expected);
    assert_int_equal(first,
                     sn_gemm_supports(SN_BACKEND_ONEDNN) ? SN_EINTERNAL : SN_ECONFIG);
    sn_products_run(products, SN_BACKEND_ONEDNN, &shapes[0], a, a, c);
    invalid.m = SIZE_MAX - 1;
    sn_products_run(products, SN_BACKEND_ONEDNN, &invalid, a, a, c);
    assert_int_equal(sn_products_status(products, &err), first);
    assert_string_equal(err.message, expected.message);
    sn_products_destroy(&products);
    free(a), free(c);
}

/* Returns whether /proc/cpuinfo lists one of these instruction sets. */
static bool cpu_has(const char *const *flags, size_t count)
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

static void bf16_is_rejected_without_cpu_or_library_support(void **state)
{
    (void)state;
    static const char *const supported[] = {"avx512_bf16", "amx_bf16"};
    static const char *const possible[] = {"avx512_bf16", "amx_bf16", "avx_ne_convert"};
    sn_error err = {""};
    assert_int_equal(sn_precision_check(SN_PRECISION_FP32, &err), SN_OK);
    assert_int_equal(sn_precision_check(SN_PRECISION_BF16_EMULATED, &err), SN_OK);
    const sn_status found = sn_precision_check(SN_PRECISION_BF16, &err);
    const bool limited =
        getenv("ONEDNN_MAX_CPU_ISA") != NULL || getenv("DNNL_MAX_CPU_ISA") != NULL;
    if (!sn_gemm_supports(SN_BACKEND_ONEDNN)) {
        assert_int_equal(found, SN_ECONFIG);
        assert_non_null(strstr(err.message, "oneDNN, not part of this build"));
    } else if (!cpu_has(possible, 3)) {
        assert_int_equal(found, SN_ECONFIG);
        assert_non_null(strstr(err.message, "AVX512-BF16 or AMX, not supported by"));
    } else if (cpu_has(supported, 2) && !limited) {
        assert_int_equal(found, SN_OK);
        assert_string_not_equal(sn_precision_method(SN_PRECISION_BF16), "");
    }
    sn_products *products;
    assert_int_equal(sn_products_create(SN_PRECISION_BF16, 1, 1, &products, &err),
                     found);
    assert_true((products == NULL) == (found != SN_OK));
    sn_products_destroy(&products);
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

static void an_update_writes_the_bf16_weights(void **state)
{
    (void)state;
    static const size_t hidden[] = {301, 7}; /* more and less than a chunk of weights */
    enum { MARK = 0xABCD };
    sn_network network;
    sn_error err;
    assert_int_equal(sn_network_init(&network, 300, hidden, 2, 10, SN_TANH, &err),
                     SN_OK);
    float *p = memory(network.arena, sizeof *p), *q = memory(network.arena, sizeof *p);
    float *v = memory(network.arena, sizeof *p), *g = memory(network.arena, sizeof *p);
    uint16_t *bf16 = memory(network.arena, sizeof *bf16);
    uint16_t *other = memory(network.arena, sizeof *bf16);
    fill(8, network.arena, g);
    float *s = memory(network.arena, sizeof *p);
    const sn_state one = {.parameters = p, .velocity = v, .second_moment = s};
    const sn_state two = {.parameters = q, .velocity = v, .second_moment = s};
    const sn_update factors = {1, 0.1, 0.5};
    for (int kind = SN_HEAVY_BALL; kind <= SN_ADAMW; kind++) {
        const sn_optimizer o = {.kind = (sn_rule)kind,
                                .momentum = 0.9,
                                .epsilon = 1,
                                .l1 = 1e-4,
                                .l2 = 1e-3,
                                .max_norm = 2}; /* limits only the first layer */
        fill(9, network.arena, p);
        memcpy(q, p, network.arena * sizeof *p);
        for (size_t i = 0; i < network.arena; i++) {
            bf16[i] = other[i] = MARK;
        }
        memset(v, 0, network.arena * sizeof *v);
        memset(s, 0, network.arena * sizeof *s);
        sn_optimizer_update(&o, &network, (sn_arena_part){0, 1}, &factors, g, &one,
                            bf16);
        memset(v, 0, network.arena * sizeof *v);
        memset(s, 0, network.arena * sizeof *s);
        sn_optimizer_update(&o, &network, (sn_arena_part){0, 1}, &factors, g, &two,
                            NULL);
        assert_memory_equal(p, q, network.arena * sizeof *p);
        sn_network_weights_to_bf16(&network, p, other);
        assert_memory_equal(bf16, other, network.arena * sizeof *bf16);
        size_t rounded = 0;
        for (size_t i = 0; i < network.arena; i++) {
            if (is_weight(&network, i)) {
                assert_true(to_float(bf16[i]) == nearest((double)p[i]));
                rounded += to_float(bf16[i]) != (double)p[i];
            } else {
                assert_int_equal(bf16[i], MARK);
            }
        }
        assert_true(rounded > network.parameters / 2);
    }
    free(p), free(q), free(v), free(s), free(g), free(bf16), free(other);
    sn_network_clear(&network);
}

static void auto_chooses_the_faster_library(void **state)
{
    (void)state;
    static const struct {
        bool bf16, avx512;
        size_t widest;
        sn_backend backend;
    } cases[] = {{true, false, 4096, SN_BACKEND_ONEDNN},
                 {false, true, 4096, SN_BACKEND_ONEDNN},
                 {false, false, 1024, SN_BACKEND_ONEDNN},
                 {false, false, 1025, SN_BACKEND_OPENBLAS}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(sn_gemm_rule(cases[i].bf16, cases[i].avx512, cases[i].widest),
                         cases[i].backend);
    }
}

int main(int argc, char **argv)
{
    filter = argc > 1 ? argv[1] : NULL;
    cmocka_set_test_filter(filter);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_chooses_the_faster_library),
        cmocka_unit_test(emulated_products_match_their_bf16_operands),
#ifdef SHARDNET_ONEDNN
        cmocka_unit_test(products_by_bf16_instructions_match_their_operands),
#endif
        cmocka_unit_test(onednn_products_of_every_shape_match_in_float32),
        cmocka_unit_test(the_first_error_of_a_product_is_kept),
        cmocka_unit_test(bf16_is_rejected_without_cpu_or_library_support),
        cmocka_unit_test(an_update_writes_the_bf16_weights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
