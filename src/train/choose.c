/* SPDX-License-Identifier: BSD-3-Clause */
/* sn_engine_choose: the program measures the candidates for each key that is auto. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "dist/watchdog/watchdog.h"
#include "train/engine.h"

/* The state of the measurements. */
typedef struct trial {
    sn_engine *engine;
    size_t rows;             /* rows of the measured products */
    float *gradient;         /* (arena), while the libraries are measured */
    sn_reduction *reduction; /* the candidate */
    sn_status status;        /* status of the candidate */
    sn_error *err;
} trial;

/* Marks progress before each pass: all passes together may take longer than the
 * time-out of the watchdog. */
static void mark(const trial *t)
{
    static const sn_activity measuring = {"measurement", false};
    sn_comm *comm = t->engine->context.comm;
    sn_watchdog_mark(comm, &measuring, -1);
    if (sn_fault_check("choose.slow", sn_comm_rank(comm), -1, NULL) != SN_OK) {
        sleep(1);
    }
}

static sn_reduction_spec spec_of(const sn_engine *e)
{
    return sn_config_reduction(&e->config, e->replica.network.arena, SN_TAIL_ELEMENTS);
}

/* Returns the rows of this rank's first microbatch. */
static size_t rows_of(const sn_engine *e)
{
    const sn_reduction_spec spec = spec_of(e);
    const sn_microbatches microbatches =
        sn_reduction_microbatches(&spec, e->context.rank, e->context.size);
    const sn_range first = sn_rank_range(sn_cursor_batch(&e->cursor),
                                         microbatches.begin, microbatches.total);
    return (size_t)(first.end - first.begin);
}

/* ---- compute.backend */

/* Returns the seconds of one pass of the products by a library: an sn_repeat_run. */
static double time_backend(void *user, int which)
{
    trial *t = user;
    sn_replica *r = &t->engine->replica;
    r->workspace.backend = (sn_backend)(SN_BACKEND_OPENBLAS + which);
    mark(t);
    double forward_seconds;
    return sn_net_time_products(&r->network, r->parameters, &r->workspace, r->batch.x,
                                t->rows, t->gradient, &forward_seconds);
}

static sn_status fastest_backend(trial *t, double seconds[SN_BACKENDS],
                                 sn_backend *fastest, sn_error *err)
{
    static const double enough_seconds = 0.02;
    enum { FEWEST = 3, MOST = 200, FIRST = SN_BACKEND_OPENBLAS };
    sn_comm *comm = t->engine->context.comm;
    sn_status status;
    t->gradient = sn_comm_allocate(comm, t->engine->replica.network.arena,
                                   sizeof *t->gradient, "gradients", &status, err);
    if (status == SN_OK) {
        sn_repeat_minimum(time_backend, t, SN_BACKENDS - FIRST, FEWEST, MOST,
                          enough_seconds, seconds + FIRST);
        status = sn_comm_sum_double(comm, seconds, SN_BACKENDS, err);
    }
    free(t->gradient);
    for (int b = 0; b < SN_BACKENDS; b++) {
        seconds[b] /= t->engine->context.size;
    }
    *fastest = seconds[SN_BACKEND_ONEDNN] < seconds[SN_BACKEND_OPENBLAS]
                   ? SN_BACKEND_ONEDNN
                   : SN_BACKEND_OPENBLAS;
    return status;
}

/* The choice is stored in the configuration, so that resumed runs keep it, unless it
 * follows from another key. */
static sn_status choose_backend(trial *t, double seconds[SN_BACKENDS], sn_error *err)
{
    sn_config *config = &t->engine->config;
    sn_backend chosen = (sn_backend)config->compute_backend;
    sn_status status = SN_OK;
    if (chosen == SN_BACKEND_AUTO && config->compute_precision == SN_PRECISION_BF16) {
        chosen = SN_BACKEND_ONEDNN; /* only oneDNN computes bf16 products */
    } else if (chosen == SN_BACKEND_AUTO) {
        chosen = SN_BACKEND_OPENBLAS;
        /* A measured choice varies from run to run, and would change the bits. */
        if (sn_gemm_supports(SN_BACKEND_ONEDNN) &&
            !sn_reduction_of(config->comm_reduce)->fixed_order) {
            status = fastest_backend(t, seconds, &chosen, err);
        }
        config->compute_backend = (int)chosen;
    }
    t->engine->replica.workspace.backend = chosen;
    return status;
}

/* ---- comm.reduce */

static sn_status make_reduction(sn_engine *e, const sn_reduction_spec *spec,
                                sn_reduction **reduction, sn_error *err)
{
    sn_workspace *workspace = &e->replica.workspace;
    const sn_status status = sn_reduction_create(e->context.comm, spec, reduction, err);
    const bool observes = status == SN_OK && sn_reduction_wants_ready(*reduction);
    workspace->observer = observes ? sn_reduction_ready : NULL;
    workspace->observer_user = *reduction;
    return status;
}

/* Returns the seconds of one gradient and its reduction: an sn_repeat_run. */
static double time_reduction(void *user, int which)
{
    (void)which;
    trial *t = user;
    sn_replica *r = &t->engine->replica;
    const sn_dropout none = {0};
    const float *sum;
    if (t->status == SN_OK) {
        t->status =
            sn_comm_agree(t->engine->context.comm, SN_OK, t->err); /* a barrier */
    }
    const double begun = sn_clock_seconds();
    if (t->status == SN_OK) {
        mark(t);
        sn_reduction_begin(t->reduction);
        (void)sn_net_gradient(&r->network, r->parameters, &r->workspace, r->batch.x,
                              r->batch.labels, r->batch.samples, t->rows, &none,
                              sn_reduction_buffer(t->reduction));
        sn_reduction_push(t->reduction);
        sn_watchdog_mark(t->engine->context.comm, &sn_watchdog_agreement, -1);
        t->status = sn_reduction_finish(t->reduction, &sum, t->err);
    }
    return sn_clock_seconds() - begun;
}

/* Sets *seconds to the mean over ranks of the least of a few runs. */
static sn_status measure_reduction(trial *t, double *seconds)
{
    enum { ROUNDS = 3 };
    sn_repeat_minimum(time_reduction, t, 1, ROUNDS, ROUNDS, 0, seconds);
    if (t->status == SN_OK) {
        t->status = sn_comm_sum_double(t->engine->context.comm, seconds, 1, t->err);
    }
    *seconds /= t->engine->context.size;
    return t->status;
}

/* Measures every kind that the ranks can use and chooses the fastest. */
static sn_status choose_reduction(trial *t, double seconds[SN_REDUCE_AUTO],
                                  sn_error *err)
{
    int best = SN_REDUCE_AUTO;
    sn_status status = SN_OK;
    for (int k = 0; k < SN_REDUCE_AUTO && status == SN_OK; k++) {
        sn_reduction_spec spec = spec_of(t->engine);
        const char *key;
        spec.kind = sn_reduction_of(k);
        if (!spec.kind->measured ||
            sn_reduction_check(&spec, t->engine->context.size, &key, NULL) != SN_OK) {
            continue;
        }
        status = make_reduction(t->engine, &spec, &t->reduction, err);
        if (status == SN_OK && !sn_reduction_is_replaced(t->reduction)) {
            status = measure_reduction(t, &seconds[k]);
            best = best == SN_REDUCE_AUTO || seconds[k] < seconds[best] ? k : best;
        }
        sn_reduction_destroy(&t->reduction);
    }
    t->engine->config.comm_reduce = best;
    return status;
}

/* Copies the keys from rank 0, which may have restored the choice of an earlier
 * invocation. */
static sn_status share_keys(sn_comm *comm, sn_config *config, sn_error *err)
{
    int keys[2] = {config->compute_backend, config->comm_reduce};
    const sn_status status = sn_comm_broadcast(comm, keys, sizeof keys, 0, err);
    config->compute_backend = keys[0];
    config->comm_reduce = keys[1];
    if (status != SN_OK) {
        return status;
    }
    /* The build of this rank may lack the library that rank 0 chose. */
    sn_status fits = sn_fault_check("choose.build", sn_comm_rank(comm), -1, err);
    if (fits == SN_OK) {
        fits = sn_config_check(config, err);
    }
    return sn_comm_agree(comm, fits, err);
}

sn_status sn_engine_choose(sn_engine *e, sn_error *err)
{
    sn_config *config = &e->config;
    trial t = {.engine = e, .err = err};
    sn_status status = share_keys(e->context.comm, config, err);
    if (status == SN_OK) {
        t.rows = rows_of(e);
        status = choose_backend(&t, e->choice.backend_seconds, err);
    }
    if (status == SN_OK) {
        if (config->compute_precision !=
            SN_PRECISION_BF16) { /* bf16 uses oneDNN only */
            sn_gemm_limit_loops(e->replica.workspace.backend);
        }
        if (config->comm_reduce == SN_REDUCE_AUTO && e->context.size > 1) {
            status = choose_reduction(&t, e->choice.reduce_seconds, err);
        }
    }
    const sn_reduction_spec spec = spec_of(e);
    return status == SN_OK ? make_reduction(e, &spec, &e->reduction, err) : status;
}
