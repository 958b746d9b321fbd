/* SPDX-License-Identifier: BSD-3-Clause */
/* The plan: its sizes follow from the configuration, its times from given rates. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/clip.h"
#include "perf/plan.h"
#include "support.h"
#include "train/step/replica.h"

enum { PARAMETERS = 784 * 30 + 30 + 30 * 10 + 10 };

static sn_plan_base open_plan(const char *const *assignments, size_t count)
{
    sn_config *config = malloc(sizeof *config);
    assert_non_null(config);
    sn_error err = {""};
    sn_plan_base base;
    unsetenv("SHARDNET_DATA");
    sn_config_init(config);
    assert_int_equal(sn_config_set(config, "model.hidden=30", &err), SN_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sn_config_set(config, assignments[i], &err), SN_OK);
    }
    assert_int_equal(sn_config_check_all_but_data(config, &err), SN_OK);
    if (sn_plan_open(config, &base, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    free(config);
    return base;
}

static const sn_plan_rates rates = {.threads = 1,
                                    .flops_per_second = 1e9,
                                    .memory_per_second = 1e9,
                                    .update_per_second = 2e9,
                                    .latency_seconds = 1e-3,
                                    .bytes_per_second = 1e6};

static void assert_near(double value, double expected)
{
    assert_true(fabs(value - expected) <= 1e-9 * fabs(expected));
}

static void without_files_the_sizes_are_those_of_mnist(void **state)
{
    (void)state;
    static const char *const chosen[] = {"data.validation=5000", "train.batch=100"};
    sn_plan_base base = open_plan(chosen, 2);
    assert_int_equal(base.data.train_count, 60000);
    assert_false(base.data_assumed);
    assert_int_equal(base.train_count, 55000);
    assert_int_equal(base.updates, 550);
    assert_int_equal(base.batch, 100);
    assert_int_equal(base.data_bytes, 70000 * 785);
    assert_int_equal(base.network.parameters, PARAMETERS);
    assert_near(base.flops, 2.0 * 100 * (2 * 784 * 30 + 3 * 30 * 10));
    assert_near(base.gradient_buffer_bytes,
                (double)(base.network.arena + SN_TAIL_ELEMENTS) * sizeof(float));
    assert_in_range(base.checkpoint_bytes, 8 * PARAMETERS, 8 * PARAMETERS + 40000);
    sn_plan_clear(&base);
}

static void shards_differ_by_one_image_and_may_be_empty(void **state)
{
    (void)state;
    static const char *const chosen[] = {"train.batch=10", "data.train_limit=1002"};
    sn_plan_base base = open_plan(chosen, 2);
    const struct {
        int ranks, largest, smallest, empty;
    } cases[] = {{1, 10, 10, 0}, {3, 4, 3, 0}, {10, 1, 1, 0}, {16, 1, 0, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const sn_plan plan = sn_plan_make(&base, &rates, cases[i].ranks, 1);
        assert_int_equal(plan.largest_shard, cases[i].largest);
        assert_int_equal(plan.smallest_shard, cases[i].smallest);
        assert_int_equal(plan.empty_shards, cases[i].empty);
        assert_int_equal(plan.last_batch, 2);
        assert_int_equal(plan.nodes, cases[i].ranks);
    }
    sn_plan_clear(&base);
}

static void shards_of_the_reproducible_reduction_are_whole_microbatches(void **state)
{
    (void)state;
    static const char *const chosen[] = {"train.batch=10", "comm.reduce=reproducible",
                                         "comm.leaves=8"};
    sn_plan_base base = open_plan(chosen, 3);
    const sn_plan plan = sn_plan_make(&base, &rates, 3, 3);
    assert_int_equal(plan.largest_shard, 5); /* microbatches of 2, 2, 1 images */
    assert_int_equal(plan.smallest_shard, 2);
    const size_t length = base.network.arena + SN_TAIL_ELEMENTS;
    /* Microbatches 0 and 1, 2 to 4, 5 to 7 form subtrees of 2; 2 and 1; 1 and 2.  Rank
     * 0 holds a third of each of the 5 subtrees, two buffers and the sum. */
    assert_int_equal(plan.reduction,
                     (5 * ((length + 2) / 3) + 3 * length) * sizeof(float));
    sn_plan_clear(&base);
}

static void the_memory_is_the_sum_of_all_arrays(void **state)
{
    (void)state;
    static const char *const chosen[] = {"train.batch=2048",
                                         "model.dropout_hidden=0.5"};
    sn_plan_base base = open_plan(chosen, 2);
    const size_t arena = base.network.arena * sizeof(float), rows = 1024;
    const size_t buffer = arena + SN_TAIL_ELEMENTS * sizeof(float);
    const sn_plan plan = sn_plan_make(&base, &rates, 2, 2);
    assert_int_equal(plan.parameters, 2 * arena);
    assert_int_equal(plan.moments, 2 * arena);
    assert_int_equal(plan.reduction, buffer);
    /* outputs of both layers, gradient of the widest layer, mask */
    assert_int_equal(plan.activations, rows * ((30 + 10 + 30) * sizeof(float) + 30));
    assert_int_equal(plan.batch, rows * (784 * sizeof(float) + 1 + 4));
    assert_int_equal(plan.rank_bytes, plan.reduction + plan.activations + plan.batch);
    assert_int_equal(plan.copy, 2 * arena);
    assert_int_equal(plan.node_bytes,
                     2 * (plan.rank_bytes + ((size_t)SN_PLAN_PROCESS_MIB << 20)) +
                         plan.parameters + plan.moments + base.data_bytes + plan.copy +
                         plan.file);

    const double update_seconds = plan.update_seconds;
    base.config.optimizer_kind = SN_KIND_ADAMW;
    base.optimizer.kind = SN_ADAMW;
    const sn_plan adamw = sn_plan_make(&base, &rates, 2, 2);
    assert_int_equal(adamw.moments, 4 * arena);
    assert_int_equal(adamw.copy, 3 * arena);
    assert_near(adamw.update_seconds, update_seconds * 7 / 5);
    base.config.train_average = base.optimizer.average = 0.9;
    const sn_plan averaged = sn_plan_make(&base, &rates, 2, 2);
    assert_int_equal(averaged.moments, 4 * arena);
    assert_int_equal(averaged.average, 2 * arena);
    assert_int_equal(averaged.copy, 4 * arena);
    assert_int_equal(averaged.node_bytes, adamw.node_bytes + 2 * arena + arena);
    assert_near(averaged.update_seconds, update_seconds * 9 / 5);
    base.config.optimizer_clip_norm = base.optimizer.clip_norm = 1;
    const sn_plan clipped = sn_plan_make(&base, &rates, 2, 2);
    assert_int_equal(clipped.node_bytes,
                     averaged.node_bytes +
                         2 * sizeof(double) * sn_clip_blocks(&base.network));
    assert_near(clipped.update_seconds, update_seconds * 10 / 5);
    base.config.optimizer_clip_norm = base.optimizer.clip_norm = 0;
    base.config.train_average = base.optimizer.average = 0;

    base.config.data_validation = 5000;
    const sn_plan with_best = sn_plan_make(&base, &rates, 2, 2);
    assert_int_equal(adamw.best, 0);
    assert_int_equal(with_best.best, 3 * arena);
    assert_int_equal(with_best.node_bytes, adamw.node_bytes + 3 * arena);
    base.config.checkpoint_keep_best = false;
    assert_int_equal(sn_plan_make(&base, &rates, 2, 2).best, 0);
    sn_plan_clear(&base);
}

static void each_reduction_has_its_buffers(void **state)
{
    (void)state;
    static const char *const chosen[] = {"train.batch=2048"};
    sn_plan_base base = open_plan(chosen, 1);
    const size_t arena = base.network.arena * sizeof(float);
    const size_t buffer = arena + SN_TAIL_ELEMENTS * sizeof(float);
    base.config.comm_reduce = SN_REDUCE_OVERLAP;
    assert_int_equal(sn_plan_make(&base, &rates, 2, 2).reduction, 2 * buffer);
    assert_int_equal(sn_plan_make(&base, &rates, 1, 1).reduction, buffer);
    base.config.comm_reduce = SN_REDUCE_NODE;
    const size_t padded = (buffer + 63) / 64 * 64;
    assert_int_equal(sn_plan_make(&base, &rates, 4, 2).reduction, padded);
    assert_int_equal(sn_plan_make(&base, &rates, 2, 1).reduction, buffer);
    base.config.compute_precision = SN_PRECISION_BF16;
    assert_int_equal(sn_plan_make(&base, &rates, 1, 1).parameters, arena + arena / 2);
    sn_plan_clear(&base);
}

static void the_ranks_of_a_node_share_a_large_state(void **state)
{
    (void)state;
    static const char *const chosen[] = {"model.hidden=1024,1024"};
    sn_plan_base base = open_plan(chosen, 1);
    const size_t arena = base.network.arena * sizeof(float);
    const sn_plan one = sn_plan_make(&base, &rates, 4, 1);
    const sn_plan four = sn_plan_make(&base, &rates, 4, 4);
    assert_int_equal(one.copies, 1);
    assert_int_equal(four.copies, 1);
    assert_int_equal(four.parameters, arena);
    assert_int_equal(four.moments, arena);
    assert_int_equal(four.node_bytes - one.node_bytes,
                     3 * (four.rank_bytes + ((size_t)SN_PLAN_PROCESS_MIB << 20)) +
                         (four.reduction - one.reduction));
    assert_near(four.update_seconds, one.update_seconds / 4);
    sn_plan_clear(&base);
}

static void the_times_follow_the_model(void **state)
{
    (void)state;
    static const char *const chosen[] = {"train.batch=100"};
    sn_plan_base base = open_plan(chosen, 1);
    sn_plan plan = sn_plan_make(&base, &rates, 1, 1);
    assert_near(plan.compute_seconds, base.flops / 1e9);
    assert_near(plan.gather_seconds, 5.0 * 100 * 784 / 1e9);
    assert_near(plan.update_seconds, 20.0 * (double)base.network.arena / 2e9);
    assert_near(plan.step_seconds,
                plan.compute_seconds + plan.gather_seconds + plan.update_seconds);

    plan = sn_plan_make(&base, &rates, 4, 2);
    assert_int_equal(plan.nodes, 2);
    assert_near(plan.compute_seconds, base.flops / 4 / 1e9);
    assert_near(plan.network_seconds, 2e-3 + base.gradient_buffer_bytes / 1e6);
    assert_near(plan.reduce_seconds,
                plan.network_seconds + 2e-6 + base.gradient_buffer_bytes / (1e9 / 3));
    plan = sn_plan_make(&base, &rates, 4, 4);
    assert_true(plan.network_seconds == 0);
    assert_near(plan.reduce_seconds,
                4e-6 + 1.5 * base.gradient_buffer_bytes / (1e9 / 3));

    base.config.comm_reduce = SN_REDUCE_OVERLAP;
    plan = sn_plan_make(&base, &rates, 4, 2);
    assert_near(plan.network_seconds, 6e-3 + 1.5 * base.gradient_buffer_bytes / 1e6);
    assert_near(plan.hidden_seconds, plan.compute_seconds * 2 / 3);
    assert_near(plan.step_seconds, plan.compute_seconds + plan.gather_seconds +
                                       plan.update_seconds + plan.reduce_seconds -
                                       plan.hidden_seconds);
    sn_plan_clear(&base);
}

static void the_work_of_the_core_is_not_hidden(void **state)
{
    (void)state;
    static const char *const chosen[] = {"train.batch=100", "comm.reduce=overlap"};
    sn_plan_base base = open_plan(chosen, 2);
    sn_plan_rates given = rates;
    given.latency_seconds = 0;
    given.bytes_per_second = 1e9; /* the link is faster than the backward pass */
    const double bytes = base.gradient_buffer_bytes;
    sn_plan plan = sn_plan_make(&base, &given, 2, 1);
    assert_true(plan.core_seconds == 0);
    assert_near(plan.hidden_seconds, plan.reduce_seconds);

    given.served_per_second = 4e9;
    plan = sn_plan_make(&base, &given, 2, 1);
    assert_near(plan.core_seconds, bytes / 4e9);
    assert_near(plan.network_seconds, bytes / 1e9);
    assert_near(plan.hidden_seconds, bytes / 1e9 - bytes / 4e9);
    given.served_per_second = 5e8; /* the core is slower than the link */
    plan = sn_plan_make(&base, &given, 2, 1);
    assert_near(plan.network_seconds, bytes / 5e8);
    assert_true(plan.hidden_seconds == 0);
    plan = sn_plan_make(&base, &given, 4, 2); /* two cores share the work of a node */
    assert_near(plan.core_seconds, 1.5 * bytes / 2 / 5e8);
    sn_plan_clear(&base);
}

static void more_nodes_never_make_the_reduction_shorter(void **state)
{
    (void)state;
    /* a network that is slower than the memory of a node, and one that is faster */
    static const double bandwidths[] = {1e6, 1e12}, latencies[] = {1e-3, 0};
    for (int i = 0; i < SN_REDUCE_AUTO; i++) {
        char reduce[64];
        snprintf(reduce, sizeof reduce, "comm.reduce=%s", sn_reduction_of(i)->name);
        const char *const chosen[] = {"train.batch=512", "comm.leaves=65536", reduce};
        sn_plan_base base = open_plan(chosen, 3);
        for (size_t j = 0; j < 2; j++) {
            sn_plan_rates given = rates;
            given.bytes_per_second = bandwidths[j];
            given.latency_seconds = latencies[j];
            for (int node_ranks = 1; node_ranks <= 64; node_ranks *= 4) {
                const sn_plan one = sn_plan_make(&base, &given, node_ranks, node_ranks);
                double least = one.reduce_seconds;
                for (int nodes = 2; nodes <= 40; nodes++) {
                    const sn_plan plan =
                        sn_plan_make(&base, &given, nodes * node_ranks, node_ranks);
                    assert_int_equal(plan.nodes, nodes);
                    assert_true(plan.reduce_seconds > least);
                    assert_near(plan.reduce_seconds,
                                one.reduce_seconds + plan.network_seconds);
                    least = plan.reduce_seconds;
                }
            }
        }
        sn_plan_clear(&base);
    }
}

static void more_bytes_never_make_a_step_shorter(void **state)
{
    (void)state;
    static const char *const chosen[] = {"train.batch=512"};
    static const int reductions[] = {SN_REDUCE_ALLREDUCE, SN_REDUCE_OVERLAP};
    sn_plan_rates given = rates;
    given.bytes_per_second = 1e8; /* overlap hides a part of the reductions */
    given.latency_seconds = 0;
    sn_plan_base base = open_plan(chosen, 1);
    const size_t arena = base.network.arena;
    for (size_t i = 0; i < 2; i++) {
        double least[] = {0, 0};
        base.config.comm_reduce = reductions[i];
        for (size_t twentieths = 1; twentieths <= 40; twentieths++) {
            double seconds[2];
            base.network.arena = arena * twentieths / 20;
            for (int wire = SN_WIRE_FP32; wire <= SN_WIRE_BF16; wire++) {
                base.config.comm_wire = wire;
                const sn_plan plan = sn_plan_make(&base, &given, 64, 8);
                seconds[wire] = plan.step_seconds;
                assert_true(plan.hidden_seconds <= plan.reduce_seconds);
                assert_true(plan.step_seconds > least[wire]);
                least[wire] = plan.step_seconds;
            }
            assert_true(seconds[SN_WIRE_BF16] <= seconds[SN_WIRE_FP32]);
        }
    }
    base.network.arena = arena;
    sn_plan_clear(&base);
}

static void the_measured_rows_are_those_of_a_rank(void **state)
{
    (void)state;
    static const char *const chosen[] = {"train.batch=64"};
    static const char *const fixed[] = {"train.batch=64", "comm.reduce=reproducible"};
    static const char *const large[] = {"train.batch=4096", "model.hidden=8192,8192"};
    sn_plan_base base = open_plan(chosen, 1);
    assert_int_equal(sn_plan_rows(&base, 1), 64);
    assert_int_equal(sn_plan_rows(&base, 3), 22);
    assert_int_equal(sn_plan_rows(&base, 64), 1);
    assert_int_equal(sn_plan_rows(&base, 128), 1);
    sn_plan_clear(&base);
    base = open_plan(fixed, 2); /* one of eight microbatches */
    assert_int_equal(sn_plan_rows(&base, 1), 8);
    assert_int_equal(sn_plan_rows(&base, 3), 8);
    sn_plan_clear(&base);
    base = open_plan(large, 2); /* a gradient on all rows would take minutes */
    assert_int_equal(sn_plan_rows(&base, 1), 32);
    sn_plan_clear(&base);
}

static void only_rates_of_zero_are_measured(void **state)
{
    (void)state;
    static const char *const chosen[] = {"train.batch=16", "model.dropout_input=0.2"};
    sn_plan_base base = open_plan(chosen, 2);
    sn_error err = {""};
    sn_plan_rates found = {.threads = 1};
    assert_int_equal(sn_plan_measure(&base, 16, &found, &err), SN_OK);
    assert_true(found.flops_per_second > 0 && isfinite(found.flops_per_second));
    assert_true(found.memory_per_second > 0 && isfinite(found.memory_per_second));
    assert_true(found.update_per_second > 0 && isfinite(found.update_per_second));
    const sn_plan_rates before = found;
    assert_int_equal(sn_plan_measure(&base, 16, &found, &err), SN_OK);
    assert_memory_equal(&found, &before, sizeof found);
    sn_plan_clear(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_files_the_sizes_are_those_of_mnist),
        cmocka_unit_test(shards_differ_by_one_image_and_may_be_empty),
        cmocka_unit_test(shards_of_the_reproducible_reduction_are_whole_microbatches),
        cmocka_unit_test(the_memory_is_the_sum_of_all_arrays),
        cmocka_unit_test(each_reduction_has_its_buffers),
        cmocka_unit_test(the_ranks_of_a_node_share_a_large_state),
        cmocka_unit_test(the_times_follow_the_model),
        cmocka_unit_test(the_work_of_the_core_is_not_hidden),
        cmocka_unit_test(more_nodes_never_make_the_reduction_shorter),
        cmocka_unit_test(more_bytes_never_make_a_step_shorter),
        cmocka_unit_test(the_measured_rows_are_those_of_a_rank),
        cmocka_unit_test(only_rates_of_zero_are_measured),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
