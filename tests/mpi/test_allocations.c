/* SPDX-License-Identifier: BSD-3-Clause */
/* Training steps allocate no memory.  The linker redirects every allocation of the
 * library to the counters below (ld --wrap), but none inside MPI, BLAS and HDF5. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "train/step/engine.h"

static long allocations;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    allocations++;
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    allocations++;
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    allocations++;
    return __real_realloc(memory, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    allocations++;
    return __real_aligned_alloc(alignment, bytes);
}

static sn_comm *comm;

/* Returns the number of allocations in the ten steps after the first one; *before is
 * the number of allocations until then. */
static long count_in_steps(const char *reduce, const char *precision, long *before)
{
    static const char *const assignments[] = {
        "data.source=synthetic", "data.train_limit=600",    "model.hidden=20,10",
        "augment.kind=elastic",  "model.dropout_input=0.2", "model.dropout_hidden=0.5",
        "model.max_norm=2",      "optimizer.l1=1e-5",       "comm.leaves=4",
        "comm.bucket_kib=4",     "compute.backend=auto",    "train.batch=50"};
    sn_config config;
    sn_error err;
    sn_config_init(&config);
    for (size_t i = 0; i < sizeof assignments / sizeof assignments[0]; i++) {
        assert_int_equal(sn_config_set(&config, assignments[i], &err), SN_OK);
    }
    assert_int_equal(sn_config_set(&config, reduce, &err), SN_OK);
    assert_int_equal(sn_config_set(&config, precision, &err), SN_OK);

    sn_engine engine;
    sn_step_result result;
    allocations = 0;
    assert_int_equal(sn_engine_open(&engine, comm, &config, &err), SN_OK);
    assert_int_equal(sn_engine_choose(&engine, &err), SN_OK);
    if (sn_comm_rank(comm) == 0) {
        sn_replica_draw(&engine.replica, &engine.config, 1);
    }
    assert_int_equal(
        sn_replica_distribute(comm, &engine.replica, &engine.cursor.position, &err),
        SN_OK);
    sn_cursor_open_epoch(&engine.cursor);
    assert_int_equal(sn_engine_step(&engine, NULL, NULL, &result, &err), SN_OK);
    *before = allocations;
    allocations = 0;
    for (int step = 0; step < 10; step++) {
        assert_int_equal(sn_engine_step(&engine, NULL, NULL, &result, &err), SN_OK);
    }
    const long counted = allocations;
    sn_engine_close(&engine);
    return counted;
}

static void steps_allocate_nothing(void **unused)
{
    (void)unused;
    static const char *const reductions[] = {"comm.reduce=allreduce",
                                             "comm.reduce=overlap", "comm.reduce=node",
                                             "comm.reduce=reproducible"};
    static const char *const precisions[] = {"compute.precision=fp32",
                                             "compute.precision=bf16_emulated"};
    for (size_t i = 0; i < sizeof reductions / sizeof reductions[0]; i++) {
        for (size_t p = 0; p < sizeof precisions / sizeof precisions[0]; p++) {
            long before;
            assert_int_equal(count_in_steps(reductions[i], precisions[p], &before), 0);
            assert_true(before > 10); /* the counters work */
        }
    }
}

int main(int argc, char **argv)
{
    sn_error err;
    if (sn_comm_start(&argc, &argv, &comm, &err) != SN_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_allocate_nothing)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sn_comm_finish(&comm);
    return failed;
}
