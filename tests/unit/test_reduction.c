/* SPDX-License-Identifier: BSD-3-Clause */
/* The facts of a reduction that need no ranks: allowed settings, microbatches, memory,
 * predicted time. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "config/config.h"
#include "dist/reduce/reduction.h"
#include "support.h"

static void names_are_the_choices_of_the_key(void **state)
{
    (void)state;
    for (int k = 0; k < SN_REDUCE_AUTO; k++) {
        assert_string_equal(sn_reduction_of(k)->name,
                            sn_config_choice_name("comm", "reduce", k));
    }
    assert_string_equal(sn_config_choice_name("comm", "reduce", SN_REDUCE_AUTO),
                        "auto");
    assert_string_equal(sn_config_choice_name("comm", "reduce", SN_REDUCE_AUTO + 1),
                        "");
    assert_ptr_equal(sn_reduction_of(SN_REDUCE_AUTO),
                     sn_reduction_of(SN_REDUCE_ALLREDUCE));
}

static void impossible_settings_are_refused_with_their_key(void **state)
{
    (void)state;
    static const struct {
        int kind, microbatches;
        sn_wire wire;
        size_t gradient;
        int size;
        sn_status status;
        const char *key;
    } cases[] = {
        {SN_REDUCE_ALLREDUCE, 8, SN_WIRE_FP32, 100, 9, SN_OK, NULL},
        {SN_REDUCE_ALLREDUCE, 8, SN_WIRE_BF16, 100, 9, SN_OK, NULL},
        {SN_REDUCE_AUTO, 8, SN_WIRE_BF16, 100, 0, SN_OK, NULL},
        {SN_REDUCE_OVERLAP, 8, SN_WIRE_BF16, 100, 9, SN_OK, NULL},
        {SN_REDUCE_NODE, 8, SN_WIRE_FP32, 100, 9, SN_OK, NULL},
        {SN_REDUCE_NODE, 8, SN_WIRE_BF16, 100, 0, SN_ECONFIG, "wire"},
        {SN_REDUCE_REPRODUCIBLE, 8, SN_WIRE_BF16, 100, 0, SN_ECONFIG, "wire"},
        {SN_REDUCE_REPRODUCIBLE, 8, SN_WIRE_FP32, 100, 0, SN_OK, NULL},
        {SN_REDUCE_REPRODUCIBLE, 8, SN_WIRE_FP32, 100, 8, SN_OK, NULL},
        {SN_REDUCE_REPRODUCIBLE, 8, SN_WIRE_FP32, 100, 9, SN_ECONFIG, "leaves"},
        {SN_REDUCE_REPRODUCIBLE, 6, SN_WIRE_FP32, 100, 2, SN_ECONFIG, "leaves"},
        {SN_REDUCE_REPRODUCIBLE, 0, SN_WIRE_FP32, 100, 0, SN_ECONFIG, "leaves"},
        {SN_REDUCE_ALLREDUCE, 6, SN_WIRE_FP32, 100, 2, SN_ECONFIG, "leaves"},
        {SN_REDUCE_OVERLAP, 1, SN_WIRE_FP32, INT_MAX - 16, 2, SN_OK, NULL},
        {SN_REDUCE_OVERLAP, 1, SN_WIRE_FP32, INT_MAX - 15, 2, SN_ERANGE, NULL},
        {SN_REDUCE_REPRODUCIBLE, 2, SN_WIRE_FP32, SIZE_MAX, 0, SN_ERANGE, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const sn_reduction_spec spec = {.kind = sn_reduction_of(cases[i].kind),
                                        .gradient = cases[i].gradient,
                                        .tail = 16,
                                        .microbatches = cases[i].microbatches,
                                        .wire = cases[i].wire};
        const char *key = NULL;
        sn_error err = {""};
        const sn_status status = sn_reduction_check(&spec, cases[i].size, &key, &err);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(err.message[0] != '\0', status != SN_OK);
        if (cases[i].key != NULL) {
            assert_string_equal(key, cases[i].key);
        }
    }
}

static void auto_follows_the_rule(void **state)
{
    (void)state;
    enum { LARGE = (4 << 20) / 4 };
    static const struct {
        size_t gradient;
        sn_wire wire;
        int ranks, node_ranks; /* 0: unequal */
        sn_reduce_kind kind;
    } cases[] = {{100, SN_WIRE_FP32, 2, 2, SN_REDUCE_NODE},
                 {100, SN_WIRE_FP32, 128, 64, SN_REDUCE_NODE},
                 {LARGE, SN_WIRE_FP32, 128, 64, SN_REDUCE_NODE},
                 {100, SN_WIRE_BF16, 2, 2, SN_REDUCE_ALLREDUCE},
                 {LARGE, SN_WIRE_BF16, 2, 2, SN_REDUCE_ALLREDUCE},
                 {LARGE, SN_WIRE_BF16, 4, 2, SN_REDUCE_OVERLAP},
                 {LARGE - 1, SN_WIRE_BF16, 4, 2, SN_REDUCE_ALLREDUCE},
                 {LARGE - 1, SN_WIRE_FP32, 4, 1, SN_REDUCE_ALLREDUCE},
                 {LARGE, SN_WIRE_FP32, 4, 1, SN_REDUCE_OVERLAP},
                 {LARGE, SN_WIRE_FP32, 5, 0, SN_REDUCE_OVERLAP},
                 {100, SN_WIRE_FP32, 5, 0, SN_REDUCE_ALLREDUCE},
                 {LARGE, SN_WIRE_FP32, 1, 1, SN_REDUCE_ALLREDUCE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const sn_reduction_spec spec = {.gradient = cases[i].gradient,
                                        .wire = cases[i].wire};
        assert_int_equal(sn_reduction_rule(&spec, cases[i].ranks, cases[i].node_ranks),
                         cases[i].kind);
    }
}

static void every_microbatch_has_one_rank(void **state)
{
    (void)state;
    sn_reduction_spec spec = {.gradient = 10, .microbatches = 8};
    for (int k = 0; k < SN_REDUCE_AUTO; k++) {
        spec.kind = sn_reduction_of(k);
        const bool fixed_order = spec.kind->fixed_order;
        for (int size = 1; size <= 5; size++) {
            int next = 0;
            for (int rank = 0; rank < size; rank++) {
                const sn_microbatches own =
                    sn_reduction_microbatches(&spec, rank, size);
                assert_int_equal(own.begin, next);
                assert_true(own.end > own.begin);
                assert_int_equal(own.total, fixed_order ? 8 : size);
                next = own.end;
            }
            assert_int_equal(next, fixed_order ? 8 : size);
        }
    }
}

static size_t floats(int kind, sn_reduction_spec *spec, int size, int node_size)
{
    spec->kind = sn_reduction_of(kind);
    return sn_reduction_bytes(spec, 0, size, node_size) / sizeof(float);
}

static void the_bytes_are_those_of_the_buffers(void **state)
{
    (void)state;
    sn_reduction_spec spec = {.gradient = 100, .tail = 4, .microbatches = 8};
    for (int k = 0; k < SN_REDUCE_REPRODUCIBLE; k++) {
        assert_int_equal(floats(k, &spec, 1, 1), 104);
    }
    assert_int_equal(floats(SN_REDUCE_ALLREDUCE, &spec, 4, 2), 104);
    assert_int_equal(floats(SN_REDUCE_OVERLAP, &spec, 4, 2), 208);
    assert_int_equal(floats(SN_REDUCE_NODE, &spec, 4, 2), 112); /* whole cache lines */
    assert_int_equal(floats(SN_REDUCE_NODE, &spec, 4, 1), 104);
    /* two buffers and the sum, and a quarter of the only subtree of each rank */
    assert_int_equal(floats(SN_REDUCE_REPRODUCIBLE, &spec, 4, 2), 3 * 104 + 4 * 26);
    spec.wire = SN_WIRE_BF16;
    assert_int_equal(floats(SN_REDUCE_ALLREDUCE, &spec, 1, 1), 104);
    assert_int_equal(floats(SN_REDUCE_ALLREDUCE, &spec, 4, 2), 208 + 100);
    assert_int_equal(floats(SN_REDUCE_OVERLAP, &spec, 4, 2), 208 + 100);
}

static void the_traffic_between_nodes_is_that_of_the_algorithm(void **state)
{
    (void)state;
    sn_reduction_spec spec = {.gradient = 1000, .tail = 24, .microbatches = 8};
    const struct {
        sn_reduce_kind kind;
        int nodes, node_ranks;
        double messages, volume;
    } cases[] = {
        {SN_REDUCE_ALLREDUCE, 4, 1, 4, 1.5},    {SN_REDUCE_ALLREDUCE, 5, 1, 6, 1.6},
        {SN_REDUCE_NODE, 4, 8, 4, 1.5},         {SN_REDUCE_OVERLAP, 4, 1, 6, 1.5},
        {SN_REDUCE_OVERLAP, 2, 8, 30, 1.875},   {SN_REDUCE_REPRODUCIBLE, 4, 1, 6, 1.5},
        {SN_REDUCE_REPRODUCIBLE, 2, 8, 30, 4.5}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spec.kind = sn_reduction_of((int)cases[i].kind);
        const sn_reduction_traffic alone =
            sn_reduction_between(&spec, 1, cases[i].node_ranks);
        assert_true(alone.messages == 0 && alone.volume == 0);
        const sn_reduction_traffic traffic =
            sn_reduction_between(&spec, cases[i].nodes, cases[i].node_ranks);
        assert_true(traffic.messages == cases[i].messages);
        assert_true(traffic.volume == cases[i].volume);
    }
    assert_true(sn_reduction_sent_bytes(&spec) == 4096);
    spec.wire = SN_WIRE_BF16; /* allreduce sends one bucket over a ring then */
    spec.kind = sn_reduction_of(SN_REDUCE_ALLREDUCE);
    assert_true(sn_reduction_sent_bytes(&spec) == 2048);
    assert_true(sn_reduction_between(&spec, 4, 1).messages == 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_the_choices_of_the_key),
        cmocka_unit_test(impossible_settings_are_refused_with_their_key),
        cmocka_unit_test(auto_follows_the_rule),
        cmocka_unit_test(every_microbatch_has_one_rank),
        cmocka_unit_test(the_bytes_are_those_of_the_buffers),
        cmocka_unit_test(the_traffic_between_nodes_is_that_of_the_algorithm),
    };
    return cmocka_run_group_tests_name("reduction", tests, NULL, NULL);
}
