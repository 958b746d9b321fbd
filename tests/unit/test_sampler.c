/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of samples, and its division into steps and shards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "data/sampler.h"

static void expect_permutation(uint64_t seed, uint32_t epoch, uint32_t count)
{
    sn_sampler sampler;
    uint8_t *seen = calloc(count, 1);
    assert_non_null(seen);
    sn_sampler_init(&sampler, seed, epoch, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sample = sn_sampler_at(&sampler, i);
        assert_in_range(sample, 0, count - 1);
        assert_int_equal(seen[sample], 0);
        seen[sample] = 1;
    }
    free(seen);
}

static void the_order_is_a_permutation(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 70; count++) {
        for (uint32_t epoch = 0; epoch < 5; epoch++) {
            expect_permutation(42, epoch, count);
        }
    }
    const uint32_t counts[] = {1000, 4095, 4096, 4097, 60000, 65535, 65536, 65537};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        expect_permutation(UINT64_C(0x123456789abcdef), 3, counts[i]);
    }
}

/* A full check would take too long: this one visits both ends of the order. */
static void the_largest_count_has_different_samples(void **state)
{
    (void)state;
    const uint64_t count = UINT32_MAX;
    sn_sampler sampler;
    sn_sampler_init(&sampler, 1, 0, count);
    for (uint64_t i = 0; i < 1000; i++) {
        uint32_t first = sn_sampler_at(&sampler, i);
        uint32_t last = sn_sampler_at(&sampler, count - 1 - i);
        assert_true(first < count && last < count);
        assert_true(first != last);
    }
}

static uint32_t count_equal_positions(uint64_t seed_a, uint32_t epoch_a,
                                      uint64_t seed_b, uint32_t epoch_b, uint32_t count)
{
    sn_sampler a, b;
    uint32_t same = 0;
    sn_sampler_init(&a, seed_a, epoch_a, count);
    sn_sampler_init(&b, seed_b, epoch_b, count);
    for (uint32_t i = 0; i < count; i++) {
        same += sn_sampler_at(&a, i) == sn_sampler_at(&b, i);
    }
    return same;
}

static void the_order_is_a_function_of_seed_and_epoch(void **state)
{
    (void)state;
    const uint32_t count = 10000;
    assert_int_equal(count_equal_positions(7, 3, 7, 3, count), count);
    /* two random orders agree at one position on average */
    assert_true(count_equal_positions(7, 3, 7, 4, count) < 12);
    assert_true(count_equal_positions(7, 3, 8, 3, count) < 12);
    assert_true(count_equal_positions(7, 0, 7 + (UINT64_C(1) << 32), 0, count) < 12);
}

/* Counts how often each sample is at each position in many epochs.  The chi-square of
 * the counts, with (count - 1)^2 degrees of freedom, must not exceed six standard
 * deviations. */
static void expect_uniform(uint32_t count)
{
    enum { EPOCHS = 6000, COUNT_MAX = 64 };
    static uint32_t hits[COUNT_MAX][COUNT_MAX];
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < count; j++) {
            hits[i][j] = 0;
        }
    }
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        sn_sampler sampler;
        sn_sampler_init(&sampler, 99, epoch, count);
        for (uint32_t i = 0; i < count; i++) {
            hits[i][sn_sampler_at(&sampler, i)]++;
        }
    }
    double expected = (double)EPOCHS / count, chi_square = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < count; j++) {
            double excess = hits[i][j] - expected;
            chi_square += excess * excess / expected;
        }
    }
    double freedom = (count - 1.0) * (count - 1.0);
    double excess = chi_square - freedom;
    /* the variance of chi-square is twice its degrees of freedom */
    if (excess > 0 && excess * excess > 36 * 2 * freedom) {
        fail_msg("count %u: chi-square %g for %g degrees of freedom", count, chi_square,
                 freedom);
    }
}

static void every_sample_is_equally_likely_at_every_position(void **state)
{
    (void)state;
    const uint32_t counts[] = {2, 3, 4, 5, 6, 7, 10, 13, 16, 17, 31, 33, 64};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        expect_uniform(counts[i]);
    }
}

/* The serial correlation of a random order of n samples is about 1 / sqrt(n). */
static void successive_positions_are_uncorrelated(void **state)
{
    (void)state;
    const uint32_t counts[] = {100, 4097, 20000, 60000};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        const uint32_t count = counts[c];
        const double mean = (count - 1) / 2.0;
        for (uint32_t lag = 1; lag <= 64; lag *= 2) {
            sn_sampler sampler;
            double product = 0, square = 0;
            sn_sampler_init(&sampler, 5, lag, count);
            for (uint32_t i = 0; i < count; i++) {
                double x = sn_sampler_at(&sampler, i) - mean;
                double y = sn_sampler_at(&sampler, (i + lag) % count) - mean;
                product += x * y;
                square += x * x;
            }
            double correlation = product / square;
            assert_true(correlation * correlation * count < 25);
        }
    }
}

static void steps_cover_the_epoch_without_gaps(void **state)
{
    (void)state;
    assert_int_equal(sn_steps_per_epoch(60000, 64), 938);
    assert_int_equal(sn_steps_per_epoch(64, 64), 1);
    assert_int_equal(sn_steps_per_epoch(1, 64), 1);
    for (uint64_t count = 1; count < 40; count++) {
        for (uint64_t batch = 1; batch < 45; batch++) {
            uint64_t steps = sn_steps_per_epoch(count, batch), next = 0;
            for (uint64_t step = 0; step < steps; step++) {
                sn_range range = sn_step_range(count, batch, step);
                assert_int_equal(range.begin, next);
                assert_true(range.end > range.begin);
                assert_true(range.end - range.begin == batch || step + 1 == steps);
                next = range.end;
            }
            assert_int_equal(next, count);
            sn_range after = sn_step_range(count, batch, steps);
            assert_int_equal(after.begin, after.end);
        }
    }
}

static void shards_cover_the_batch_and_differ_by_at_most_one(void **state)
{
    (void)state;
    for (uint64_t length = 0; length < 70; length++) {
        for (int size = 1; size < 80; size++) {
            const sn_range whole = {1000, 1000 + length};
            const uint64_t bound = sn_rank_range_max(length, size);
            uint64_t next = whole.begin, largest = 0, smallest = UINT64_MAX;
            for (int rank = 0; rank < size; rank++) {
                sn_range shard = sn_rank_range(whole, rank, size);
                assert_int_equal(shard.begin, next);
                assert_true(shard.end >= shard.begin);
                uint64_t own = shard.end - shard.begin;
                largest = own > largest ? own : largest;
                smallest = own < smallest ? own : smallest;
                next = shard.end;
            }
            assert_int_equal(next, whole.end);
            assert_true(largest - smallest <= 1);
            assert_int_equal(largest, bound);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_is_a_permutation),
        cmocka_unit_test(the_largest_count_has_different_samples),
        cmocka_unit_test(the_order_is_a_function_of_seed_and_epoch),
        cmocka_unit_test(every_sample_is_equally_likely_at_every_position),
        cmocka_unit_test(successive_positions_are_uncorrelated),
        cmocka_unit_test(steps_cover_the_epoch_without_gaps),
        cmocka_unit_test(shards_cover_the_batch_and_differ_by_at_most_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
