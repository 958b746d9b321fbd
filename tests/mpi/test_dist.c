/* SPDX-License-Identifier: BSD-3-Clause */
/* comm, node and reduce on 1 to 4 ranks.  Every rank runs every check; a check that
 * fails on one rank fails the test. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/comm/comm.h"
#include "dist/launch/cores.h"
#include "dist/node/memory.h"
#include "dist/node/node.h"
#include "dist/reduce/reduction.h"

static sn_comm *comm;

static void agreement_returns_the_worst_status_of_the_lowest_rank(void **state)
{
    (void)state;
    const int rank = sn_comm_rank(comm), size = sn_comm_size(comm);
    sn_error err = {""};
    assert_int_equal(sn_comm_agree(comm, SN_OK, &err), SN_OK);
    for (int failing = 0; failing < size; failing++) {
        sn_status mine = SN_OK;
        err.message[0] = '\0';
        if (rank >= failing) {
            mine = sn_fail(&err, SN_EDATA, "from rank %d", rank);
        }
        char expected[64];
        snprintf(expected, sizeof expected, "from rank %d", failing);
        assert_int_equal(sn_comm_agree(comm, mine, &err), SN_EDATA);
        assert_memory_equal(err.message, expected, strlen(expected));
    }
    /* a worse status wins over a lower rank */
    sn_status mine = rank == size - 1 ? sn_fail(&err, SN_EIO, "worse")
                                      : sn_fail(&err, SN_EUSAGE, "milder");
    sn_status expected = SN_EIO;
    assert_int_equal(sn_comm_agree(comm, mine, &err), expected);
    assert_memory_equal(err.message, "worse", 5);
}

static void collectives_move_the_values_of_all_ranks(void **state)
{
    (void)state;
    const int rank = sn_comm_rank(comm), size = sn_comm_size(comm);
    sn_error err;
    char text[32] = "";
    if (rank == size - 1) {
        strcpy(text, "from the last");
    }
    assert_int_equal(sn_comm_broadcast(comm, text, sizeof text, size - 1, &err), SN_OK);
    assert_string_equal(text, "from the last");
    double values[2] = {1, rank};
    assert_int_equal(sn_comm_sum_double(comm, values, 2, &err), SN_OK);
    assert_true(values[0] == size);
    assert_true(values[1] == size * (size - 1) / 2);
    bool any;
    text[0] = (char)('a' + rank);
    assert_int_equal(
        sn_comm_share_first(comm, rank >= size - 2, text, sizeof text, &any, &err),
        SN_OK);
    assert_true(any);
    assert_int_equal(text[0], 'a' + (size > 2 ? size - 2 : 0));
    text[0] = (char)('a' + rank);
    assert_int_equal(sn_comm_share_first(comm, false, text, sizeof text, &any, &err),
                     SN_OK);
    assert_false(any);
    assert_int_equal(text[0], 'a' + rank);
    int all[64] = {0}, mine = 10 + rank;
    assert_int_equal(sn_comm_gather(comm, &mine, sizeof mine, all, &err), SN_OK);
    for (int i = 0; i < size && rank == 0; i++) {
        assert_int_equal(all[i], 10 + i);
    }
}

static sn_reduction *create(int kind, const sn_reduction_spec *settings)
{
    sn_reduction_spec spec = *settings;
    spec.kind = sn_reduction_of(kind);
    sn_reduction *reduction = NULL;
    sn_error err = {""};
    if (sn_reduction_create(comm, &spec, &reduction, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    return reduction;
}

/* Runs steps with integers, whose sums are exact in any order.  The ranks call
 * sn_reduction_ready at different places, and must start the same buckets all the same.
 */
static void check_sums(sn_reduction *reduction, const sn_reduction_spec *spec,
                       int steps)
{
    const int rank = sn_comm_rank(comm), size = sn_comm_size(comm);
    const size_t length = spec->gradient + spec->tail;
    const size_t interval = 100 + 150 * (size_t)rank;
    sn_error err;
    for (int step = 0; step < steps; step++) {
        const float *sum;
        sn_reduction_begin(reduction);
        float *buffer = sn_reduction_buffer(reduction);
        for (size_t i = 0; i < length; i++) {
            buffer[i] = (float)((int)i + rank + step);
        }
        for (size_t first = spec->gradient;
             first > interval && rank < 3 && sn_reduction_wants_ready(reduction);
             first -= interval) {
            sn_reduction_ready(reduction, first);
        }
        sn_reduction_push(reduction);
        assert_int_equal(sn_reduction_finish(reduction, &sum, &err), SN_OK);
        for (size_t i = 0; i < length; i++) {
            const int exact = ((int)i + step) * size + size * (size - 1) / 2;
            assert_true(sum[i] == (float)exact);
        }
    }
}

static void every_reduction_sums_gradient_and_tail(void **state)
{
    (void)state;
    static const sn_reduction_spec specs[] = {{NULL, 1000, 16, 1, 1, SN_WIRE_FP32},
                                              {NULL, 1000, 16, 1, 16, SN_WIRE_FP32},
                                              {NULL, 1000, 16, 1, 333, SN_WIRE_FP32},
                                              {NULL, 1000, 16, 1, 1000, SN_WIRE_FP32},
                                              {NULL, 1000, 16, 1, 5000, SN_WIRE_FP32},
                                              {NULL, 1, 0, 1, 1, SN_WIRE_FP32},
                                              {NULL, 14, 1, 1, 10, SN_WIRE_FP32},
                                              {NULL, 15, 1, 1, 10, SN_WIRE_FP32},
                                              {NULL, 5000, 0, 1, 1000, SN_WIRE_FP32}};
    static const int kinds[] = {SN_REDUCE_ALLREDUCE, SN_REDUCE_OVERLAP, SN_REDUCE_NODE};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
            sn_reduction *reduction = create(kinds[k], &specs[i]);
            check_sums(reduction, &specs[i], kinds[k] == SN_REDUCE_NODE ? 50 : 3);
            sn_reduction_destroy(&reduction);
            assert_null(reduction);
        }
    }
}

static void allreduce_replaces_a_kind_that_the_ranks_cannot_use(void **state)
{
    (void)state;
    const sn_reduction_spec spec = {NULL, 100, 16, 64, 10, SN_WIRE_FP32};
    const bool alone = sn_comm_size(comm) == 1;
    for (int k = 0; k < SN_REDUCE_AUTO; k++) {
        char text[128];
        const sn_reduction_kind *kind = sn_reduction_of(k);
        sn_reduction *reduction = create(k, &spec);
        const bool impossible = k == SN_REDUCE_NODE && getenv("SHARDNET_FAULT") != NULL;
        assert_int_equal(sn_reduction_is_replaced(reduction), impossible && !alone);
        assert_int_equal(sn_reduction_wants_ready(reduction),
                         kind->ready != NULL && !alone);
        sn_reduction_describe(reduction, text, sizeof text);
        assert_ptr_equal(strstr(text, kind->name), text);
        assert_int_equal(strstr(text, "not possible") != NULL, impossible && !alone);
        sn_reduction_destroy(&reduction);
    }
}

static void check_bf16(int kind)
{
    const sn_reduction_spec spec = {NULL, 700, 16, 1, 100, SN_WIRE_BF16};
    const int rank = sn_comm_rank(comm), size = sn_comm_size(comm);
    const float *sum;
    sn_error err;
    sn_reduction *reduction = create(kind, &spec);
    sn_reduction_begin(reduction);
    float *buffer = sn_reduction_buffer(reduction);
    for (int i = 0; i < 716; i++) {
        buffer[i] = (float)(1000 + i) + (float)rank / 7;
    }
    buffer[3] = rank == size - 1 ? NAN : 1;
    if (sn_reduction_wants_ready(reduction)) {
        sn_reduction_ready(reduction, 350);
    }
    sn_reduction_push(reduction);
    assert_int_equal(sn_reduction_finish(reduction, &sum, &err), SN_OK);
    for (int i = 0; i < 716; i++) {
        double exact = 0;
        for (int r = 0; r < size; r++) {
            exact += 1000 + i + r / 7.0;
        }
        const double bound = i < 700 ? size / 256.0 : 1e-6;
        assert_true(i == 3 ? isnan(sum[i])
                           : relative_difference((double)sum[i], exact, 1) <= bound);
    }
    /* A single rank sends nothing, so it rounds nothing. */
    assert_int_equal(sum[1] == 1001, size == 1);
    sn_reduction_destroy(&reduction);
}

static void bf16_rounds_the_gradient_but_not_the_tail(void **state)
{
    (void)state;
    check_bf16(SN_REDUCE_ALLREDUCE);
    check_bf16(SN_REDUCE_OVERLAP);
}

static void assert_holds(const sn_node_memory *memory, uint8_t value)
{
    for (size_t i = 0; i < memory->bytes; i++) {
        assert_int_equal(memory->data[i], value);
    }
}

static void the_ranks_of_a_node_read_the_leaders_data(void **state)
{
    (void)state;
    sn_node_memory memory;
    sn_error err;
    assert_int_equal(sn_node_memory_init(comm, 4096, true, "test", &memory, &err),
                     SN_OK);
    const char *fault = getenv("SHARDNET_FAULT");
    const bool shared = sn_comm_node_size(comm) > 1 &&
                        (fault == NULL || strstr(fault, "node.window") == NULL);
    assert_int_equal(memory.parts, shared ? sn_comm_node_size(comm) : 1);
    assert_int_equal(memory.part, shared ? sn_comm_node_rank(comm) : 0);
    if (sn_comm_node_rank(comm) == 0) {
        memset(memory.data, 0x5A, 4096);
    }
    assert_int_equal(sn_node_memory_publish(comm, &memory, &err), SN_OK);
    assert_holds(&memory, 0x5A);
    sn_node_memory_meet(&memory);
    if (sn_comm_rank(comm) == 0) {
        memset(memory.data, 0x3C, 4096);
    }
    assert_int_equal(sn_node_memory_distribute(comm, &memory, &err), SN_OK);
    assert_holds(&memory, 0x3C);
    /* each rank writes its part, and reads the part of the next rank */
    sn_node_memory_meet(&memory);
    memory.data[memory.part] = (uint8_t)memory.part;
    sn_node_memory_meet(&memory);
    const int next = (memory.part + 1) % memory.parts;
    assert_int_equal(memory.data[next], next);
    sn_node_memory_clear(&memory);
    assert_null(memory.data);
}

static void threads_do_not_exceed_the_cores(void **state)
{
    (void)state;
    sn_node_cores cores;
    sn_error err;
    assert_int_equal(sn_node_cores_find(comm, &cores, &err), SN_OK);
    assert_true(cores.threads >= 1 && cores.mask_cores >= 1);
    assert_true(cores.threads <= cores.mask_cores);
    double sum = cores.threads;
    assert_int_equal(sn_comm_sum_double(comm, &sum, 1, &err), SN_OK);
    if (cores.node_cores >= sn_comm_node_size(comm)) {
        assert_true(sum <= cores.node_cores);
    }
}

static void ranks_that_share_cores_divide_them(void **state)
{
    (void)state;
    const sn_node_mask disjoint[] = {{{0x0F}}, {{0xF0}}};
    assert_int_equal(sn_node_share(disjoint, 2, 0), 4);
    const sn_node_mask same[] = {{{0xFF}}, {{0xFF}}, {{0xFF}}};
    assert_int_equal(sn_node_share(same, 3, 1), 2);
    const sn_node_mask crowded[] = {{{1}}, {{1}}, {{1}}, {{1}}};
    assert_int_equal(sn_node_share(crowded, 4, 3), 1);
    const sn_node_mask mixed[] = {{{0x3}}, {{0x1}}};
    assert_int_equal(sn_node_share(mixed, 2, 0), 1);
    assert_int_equal(sn_node_share(mixed, 2, 1), 1);
}

int main(int argc, char **argv)
{
    sn_error err = {""};
    if (sn_comm_start(&argc, &argv, &comm, &err) != SN_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    if (argc > 1 && atoi(argv[1]) != sn_comm_size(comm)) {
        fprintf(stderr, "expected %s ranks, MPI sees %d\n", argv[1],
                sn_comm_size(comm));
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreement_returns_the_worst_status_of_the_lowest_rank),
        cmocka_unit_test(collectives_move_the_values_of_all_ranks),
        cmocka_unit_test(every_reduction_sums_gradient_and_tail),
        cmocka_unit_test(allreduce_replaces_a_kind_that_the_ranks_cannot_use),
        cmocka_unit_test(bf16_rounds_the_gradient_but_not_the_tail),
        cmocka_unit_test(the_ranks_of_a_node_read_the_leaders_data),
        cmocka_unit_test(threads_do_not_exceed_the_cores),
        cmocka_unit_test(ranks_that_share_cores_divide_them)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sn_comm_finish(&comm);
    return failed;
}
