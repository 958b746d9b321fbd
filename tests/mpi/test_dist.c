/* comm, node, reduce on 1 to 4 ranks.  Every rank runs every check; a failing check on
 * any rank fails the test. */
#include "../unit/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/comm/comm.h"
#include "dist/node/node.h"
#include "dist/reduce/node_sum.h"
#include "dist/reduce/overlap.h"
#include "dist/reduce/reduce.h"

static sn_comm *comm;

static void agreement_takes_the_worst_and_the_lowest_rank(void **state)
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

static void broadcasts_and_sums(void **state)
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
    int64_t values[2] = {1, rank};
    assert_int_equal(sn_comm_sum_int64(comm, values, 2, &err), SN_OK);
    assert_int_equal(values[0], size);
    assert_int_equal(values[1], size * (size - 1) / 2);
    int first;
    assert_int_equal(sn_comm_first(comm, rank >= size - 2, &first, &err), SN_OK);
    assert_int_equal(first, size > 2 ? size - 2 : 0);
    assert_int_equal(sn_comm_first(comm, false, &first, &err), SN_OK);
    assert_int_equal(first, size);
    bool same;
    assert_int_equal(sn_comm_same(comm, "equal", 5, &same, &err), SN_OK);
    assert_true(same);
    assert_int_equal(sn_comm_same(comm, &rank, sizeof rank, &same, &err), SN_OK);
    assert_int_equal(same, size == 1);
    assert_int_equal(sn_comm_same(comm, text, 257, &same, &err), SN_ERANGE);
    int all[64] = {0}, mine = 10 + rank;
    assert_int_equal(sn_comm_gather(comm, &mine, sizeof mine, all, &err), SN_OK);
    for (int i = 0; i < size && rank == 0; i++) {
        assert_int_equal(all[i], 10 + i);
    }
}

static void the_message_is_summed_with_its_tail(void **state)
{
    (void)state;
    enum { ARENA = 1000 };
    const int rank = sn_comm_rank(comm), size = sn_comm_size(comm);
    float message[ARENA + SN_TAIL_COUNT_OF];
    for (int i = 0; i < ARENA + SN_TAIL_COUNT_OF; i++) {
        message[i] = (float)(i + rank);
    }
    sn_error err;
    assert_int_equal(sn_reduce_sum(comm, message, ARENA, &err), SN_OK);
    for (int i = 0; i < ARENA + SN_TAIL_COUNT_OF; i++) {
        assert_true(message[i] == (float)(i * size + size * (size - 1) / 2));
    }
    assert_int_equal(sn_reduce_check((size_t)1 << 31, &err), SN_ERANGE);
}

/* Ranks that say at other moments what is final start the same buckets. */
static void buckets_are_summed_like_one_message(void **state)
{
    (void)state;
    enum { ARENA = 1000, ALL = ARENA + SN_TAIL_COUNT_OF };
    static const size_t buckets[] = {1, 16, 333, ARENA, 5000};
    const int rank = sn_comm_rank(comm), size = sn_comm_size(comm);
    float message[ALL], result[ALL];
    sn_error err;
    for (size_t b = 0; b < sizeof buckets / sizeof buckets[0]; b++) {
        sn_overlap *overlap = NULL;
        assert_int_equal(sn_overlap_create(comm, message, result, ARENA, buckets[b],
                                           SN_WIRE_FP32, &overlap, &err),
                         SN_OK);
        for (int step = 0; step < 3; step++) {
            for (int i = 0; i < ALL; i++) {
                message[i] = (float)(i + rank + step);
            }
            const size_t piece = (size_t)(100 + 150 * rank);
            for (size_t first = ARENA; first > piece && rank < 3; first -= piece) {
                sn_overlap_ready(overlap, first);
            }
            assert_int_equal(sn_overlap_finish(overlap, &err), SN_OK);
            for (int i = 0; i < ALL; i++) {
                const int sum = (i + step) * size + size * (size - 1) / 2;
                assert_true(result[i] == (float)sum);
            }
        }
        sn_overlap_destroy(&overlap);
        assert_null(overlap);
    }
}

static void a_node_sums_in_its_own_memory(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 15, 16, 100, 5000};
    const int rank = sn_comm_rank(comm), size = sn_comm_size(comm);
    sn_error err;
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        sn_node_sum *sum = NULL;
        assert_int_equal(sn_node_sum_create(comm, counts[c], &sum, &err), SN_OK);
        if (size == 1 || getenv("SHARDNET_FAULT") != NULL) {
            assert_null(sum); /* one rank, or no shared memory */
            continue;
        }
        assert_non_null(sum);
        float *message = sn_node_sum_message(sum);
        const float *result = sn_node_sum_result(sum);
        for (int step = 0; step < 50; step++) {
            sn_node_sum_begin(sum);
            for (size_t i = 0; i < counts[c]; i++) {
                message[i] = (float)((int)i + rank + step);
            }
            assert_int_equal(sn_node_sum_run(sum, &err), SN_OK);
            for (size_t i = 0; i < counts[c]; i++) {
                const int exact = ((int)i + step) * size + size * (size - 1) / 2;
                assert_true(result[i] == (float)exact);
            }
        }
        sn_node_sum_destroy(&sum);
        assert_null(sum);
    }
}

static void bf16_rounds_sums_but_not_the_tail(void **state)
{
    (void)state;
    enum { ARENA = 700, ALL = ARENA + SN_TAIL_COUNT_OF };
    const int rank = sn_comm_rank(comm), size = sn_comm_size(comm);
    float message[ALL], result[ALL];
    sn_error err;
    sn_overlap *overlap = NULL;
    assert_int_equal(sn_overlap_create(comm, message, result, ARENA, 100, SN_WIRE_BF16,
                                       &overlap, &err),
                     SN_OK);
    for (int i = 0; i < ALL; i++) {
        message[i] = (float)(1000 + i) + (float)rank / 7;
    }
    message[3] = rank == size - 1 ? NAN : 1;
    sn_overlap_ready(overlap, 350);
    assert_int_equal(sn_overlap_finish(overlap, &err), SN_OK);
    for (int i = 0; i < ALL; i++) {
        double exact = 0;
        for (int r = 0; r < size; r++) {
            exact += 1000 + i + r / 7.0;
        }
        const double bound = i < ARENA ? size / 256.0 : 1e-6;
        assert_true(i == 3 ? isnan(result[i])
                           : relative_difference((double)result[i], exact, 1) <= bound);
    }
    sn_overlap_destroy(&overlap);
}

static void the_node_shares_memory(void **state)
{
    (void)state;
    sn_node_memory *memory = NULL;
    sn_error err;
    assert_int_equal(sn_node_memory_create(comm, 4096, &memory, &err), SN_OK);
    const char *fault = getenv("SHARDNET_FAULT");
    assert_int_equal(sn_node_memory_shared(memory),
                     fault == NULL || strstr(fault, "node.window") == NULL);
    uint8_t *data = sn_node_memory_data(memory);
    if (sn_comm_node_rank(comm) == 0) {
        memset(data, 0x5A, 4096);
    }
    assert_int_equal(sn_node_memory_publish(comm, memory, &err), SN_OK);
    for (int i = 0; i < 4096; i++) {
        assert_int_equal(data[i], 0x5A);
    }
    sn_node_memory_destroy(&memory);
    assert_null(memory);
}

static void threads_stay_within_the_cores(void **state)
{
    (void)state;
    sn_node_cores cores;
    sn_error err;
    assert_int_equal(sn_node_cores_find(comm, &cores, &err), SN_OK);
    assert_true(cores.threads >= 1 && cores.mask_cores >= 1);
    assert_true(cores.threads <= cores.mask_cores);
    int64_t sum = cores.threads;
    assert_int_equal(sn_comm_sum_int64(comm, &sum, 1, &err), SN_OK);
    if (cores.node_cores >= sn_comm_node_size(comm)) {
        assert_true(sum <= cores.node_cores);
    }
}

static void shares_of_masks(void **state)
{
    (void)state;
    const uint64_t disjoint[] = {0x0F, 0xF0};
    assert_int_equal(sn_node_share(disjoint, 2, 1, 0), 4);
    const uint64_t same[] = {0xFF, 0xFF, 0xFF};
    assert_int_equal(sn_node_share(same, 3, 1, 1), 2);
    const uint64_t crowded[] = {1, 1, 1, 1};
    assert_int_equal(sn_node_share(crowded, 4, 1, 3), 1);
    const uint64_t mixed[] = {0x3, 0x1};
    assert_int_equal(sn_node_share(mixed, 2, 1, 0), 1);
    assert_int_equal(sn_node_share(mixed, 2, 1, 1), 1);
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
        cmocka_unit_test(agreement_takes_the_worst_and_the_lowest_rank),
        cmocka_unit_test(broadcasts_and_sums),
        cmocka_unit_test(the_message_is_summed_with_its_tail),
        cmocka_unit_test(buckets_are_summed_like_one_message),
        cmocka_unit_test(a_node_sums_in_its_own_memory),
        cmocka_unit_test(bf16_rounds_sums_but_not_the_tail),
        cmocka_unit_test(the_node_shares_memory),
        cmocka_unit_test(threads_stay_within_the_cores),
        cmocka_unit_test(shares_of_masks)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sn_comm_finish(&comm);
    return failed;
}
