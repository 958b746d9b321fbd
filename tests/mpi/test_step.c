/* SPDX-License-Identifier: BSD-3-Clause */
/* The values that one step shares between ranks: requests of one rank, a loss whose sum
 * over ranks is not finite although the loss of each rank is, and replicas that must be
 * the same. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "train/step/engine.h"
#include "train/step/replica_check.h"

static sn_comm *comm;

static const char *const reductions[] = {"comm.reduce=allreduce", "comm.reduce=overlap",
                                         "comm.reduce=node",
                                         "comm.reduce=reproducible"};

enum { REDUCTIONS = sizeof reductions / sizeof reductions[0], CLASSES = 10 };

/* A linear classifier; each step has one sample per rank. */
static void open_engine(sn_engine *engine, const char *reduction)
{
    char batch[32];
    snprintf(batch, sizeof batch, "train.batch=%d", sn_comm_size(comm));
    const char *const settings[] = {"data.source=synthetic",
                                    "data.train_limit=200",
                                    "model.hidden=",
                                    "optimizer.learning_rate=0",
                                    "comm.leaves=4",
                                    batch,
                                    reduction};
    sn_config config;
    sn_error err;
    sn_config_init(&config);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        assert_int_equal(sn_config_set(&config, settings[i], &err), SN_OK);
    }
    assert_int_equal(sn_engine_open(engine, comm, &config, &err), SN_OK);
    assert_int_equal(sn_engine_choose(engine, &err), SN_OK);
    sn_cursor_open_epoch(&engine->cursor);
}

/* Returns a class that no sample of the next batch has. */
static int absent_class(const sn_engine *engine)
{
    bool present[CLASSES] = {false};
    const sn_range batch = sn_cursor_batch(&engine->cursor);
    int label = 0;
    for (uint64_t at = batch.begin; at < batch.end; at++) {
        present[engine->loaded.data.train
                    .labels[sn_sampler_at(&engine->cursor.sampler, at)]] = true;
    }
    while (present[label]) {
        label++;
    }
    return label;
}

static void a_sum_that_overflows_is_divergence(void **state)
{
    (void)state;
    const float large = 3e38F; /* half of it has a finite sum on two ranks */
    for (int i = 0; i < REDUCTIONS; i++) {
        sn_engine engine;
        sn_step_result result = {.count = 0};
        sn_error err = {""};
        open_engine(&engine, reductions[i]);
        float *bias =
            engine.replica.state.parameters + engine.replica.network.layer[0].bias;
        const int label = absent_class(&engine);
        bias[label] = large / (float)sn_comm_size(comm);
        sn_status status = sn_engine_step(&engine, NULL, NULL, &result, &err);
        assert_int_equal(status, SN_OK);
        assert_int_equal(result.count, sn_comm_size(comm));
        assert_true(relative_difference(result.loss_sum, (double)large, 1) < 1e-5);
        bias[label] = 0;
        bias[absent_class(&engine)] = large;
        status = sn_engine_step(&engine, NULL, NULL, &result, &err);
        sn_engine_close(&engine);
        if (sn_comm_size(comm) == 1) {
            assert_int_equal(status, SN_OK);
            continue;
        }
        assert_int_equal(status, SN_EDIVERGED);
        assert_non_null(strstr(err.message, "the sum over ranks"));
    }
}

/* Requests a stop (user[1] = 0) or a checkpoint (1) on rank user[0]: an sn_step_poll. */
static sn_requests ask(void *user, double now)
{
    (void)now;
    const int *asked = user;
    const bool mine = sn_comm_rank(comm) == asked[0];
    return (sn_requests){.stop = mine && asked[1] == 0,
                         .checkpoint = mine && asked[1] == 1};
}

static void a_request_of_one_rank_reaches_all(void **state)
{
    (void)state;
    for (int i = 0; i < REDUCTIONS; i++) {
        sn_engine engine;
        sn_error err;
        open_engine(&engine, reductions[i]);
        for (int rank = -1; rank < sn_comm_size(comm); rank++) {
            for (int request = 0; request < 2; request++) {
                int asked[2] = {rank, request};
                sn_step_result result;
                assert_int_equal(sn_engine_step(&engine, ask, asked, &result, &err),
                                 SN_OK);
                assert_int_equal(result.requests.stop, rank >= 0 && request == 0);
                assert_int_equal(result.requests.checkpoint, rank >= 0 && request == 1);
            }
        }
        sn_engine_close(&engine);
    }
}

/* Flips the lowest bit of one number on one rank. */
static void flip(float *number, int rank)
{
    if (sn_comm_rank(comm) == rank) {
        uint32_t bits;
        memcpy(&bits, number, sizeof bits);
        bits ^= 1;
        memcpy(number, &bits, sizeof bits);
    }
}

static void a_bit_that_differs_is_found(void **state)
{
    (void)state;
    const int last = sn_comm_size(comm) - 1;
    sn_engine engine;
    sn_error err;
    open_engine(&engine, reductions[0]);
    sn_replica *r = &engine.replica;
    const size_t last_element = r->network.arena - 1;
    float *const numbers[] = {r->state.parameters, r->state.parameters + last_element,
                              r->state.velocity, r->state.velocity + last_element};
    assert_int_equal(sn_replica_check(&engine.context, r, 1, &err), SN_OK);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        flip(numbers[i], last);
        assert_int_equal(sn_replica_check(&engine.context, r, 1, &err),
                         last > 0 && r->memory.parts == 1 ? SN_EINTERNAL : SN_OK);
        flip(numbers[i], last);
        assert_int_equal(sn_replica_check(&engine.context, r, 1, &err), SN_OK);
    }
    sn_engine_close(&engine);
}

int main(int argc, char **argv)
{
    sn_error err;
    if (sn_comm_start(&argc, &argv, &comm, &err) != SN_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_that_overflows_is_divergence),
        cmocka_unit_test(a_request_of_one_rank_reaches_all),
        cmocka_unit_test(a_bit_that_differs_is_found)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sn_comm_finish(&comm);
    return failed;
}
