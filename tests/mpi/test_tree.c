/* SPDX-License-Identifier: BSD-3-Clause */
/* The reproducible reduction gives the same bits on any number of ranks: each rank
 * compares the result with a recursive sum that it computes by itself. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numeric/rng.h"
#include "dist/comm/comm.h"
#include "dist/reduce/reduction.h"

static sn_comm *comm;

/* Returns values of many magnitudes, so that another order gives other bits. */
static float value(uint32_t microbatch, uint32_t i, uint32_t round)
{
    uint32_t words[4];
    sn_rng_block(3, SN_RNG_SYNTH, round, 0, microbatch, i, words);
    const float sign = (words[1] & 1) != 0 ? 1.0F : -1.0F;
    return sign * sn_rng_unit(words[0]) * ldexpf(1, (int)(words[2] % 20));
}

static float tree_sum(uint32_t begin, uint32_t count, uint32_t i, uint32_t round)
{
    if (count == 1) {
        return value(begin, i, round);
    }
    volatile float left = tree_sum(begin, count / 2, i, round);
    volatile float right = tree_sum(begin + count / 2, count / 2, i, round);
    return left + right;
}

static sn_reduction_spec spec_of(int microbatches, size_t length)
{
    return (sn_reduction_spec){.kind = sn_reduction_of(SN_REDUCE_REPRODUCIBLE),
                               .gradient = length,
                               .microbatches = microbatches};
}

static sn_status create(int microbatches, size_t length, sn_reduction **reduction)
{
    sn_error err;
    const sn_reduction_spec spec = spec_of(microbatches, length);
    return sn_reduction_create(comm, &spec, reduction, &err);
}

static void check_sum(int microbatches, uint32_t length)
{
    sn_reduction *reduction;
    sn_error err;
    const sn_reduction_spec spec = spec_of(microbatches, length);
    const sn_microbatches mine =
        sn_reduction_microbatches(&spec, sn_comm_rank(comm), sn_comm_size(comm));
    assert_int_equal(create(microbatches, length, &reduction), SN_OK);
    for (uint32_t round = 0; round < 2; round++) {
        const float *sum;
        sn_reduction_begin(reduction);
        for (int microbatch = mine.begin; microbatch < mine.end; microbatch++) {
            float *buffer = sn_reduction_buffer(reduction);
            for (uint32_t i = 0; i < length; i++) {
                buffer[i] = value((uint32_t)microbatch, i, round);
            }
            sn_reduction_push(reduction);
        }
        assert_int_equal(sn_reduction_finish(reduction, &sum, &err), SN_OK);
        for (uint32_t i = 0; i < length; i++) {
            const float expected = tree_sum(0, (uint32_t)microbatches, i, round);
            assert_memory_equal(&sum[i], &expected, sizeof expected);
        }
    }
    sn_reduction_destroy(&reduction);
    assert_null(reduction);
}

static void the_result_is_the_sum_along_the_tree(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {1, 2, 3, 5, 17, 1000};
    for (int microbatches = 1; microbatches <= 64; microbatches *= 2) {
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            if (microbatches >= sn_comm_size(comm)) {
                check_sum(microbatches, lengths[i]);
            }
        }
    }
}

static void invalid_numbers_of_microbatches_are_refused(void **state)
{
    (void)state;
    sn_reduction *reduction;
    assert_int_equal(create(6, 10, &reduction), SN_ECONFIG);
    assert_int_equal(create(0, 10, &reduction), SN_ECONFIG);
    if (sn_comm_size(comm) > 1) {
        assert_int_equal(create(1, 10, &reduction), SN_ECONFIG);
    }
    assert_null(reduction);
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
        cmocka_unit_test(the_result_is_the_sum_along_the_tree),
        cmocka_unit_test(invalid_numbers_of_microbatches_are_refused)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sn_comm_finish(&comm);
    return failed;
}
