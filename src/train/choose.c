#include "train/choose.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "train/tail.h"

/* What the measurements share. */
typedef struct trial {
    const sn_context *context;
    sn_config *config;
    sn_replica *replica;
    size_t rows;     /* of the largest product of this rank */
    float *gradient; /* (arena), while libraries are measured */
} trial;

static sn_reduction_spec spec_of(const trial *t)
{
    return sn_config_reduction(t->config, t->replica->network.arena, SN_TAIL_ELEMENTS);
}

static size_t rows_of(const trial *t, const sn_cursor *cursor)
{
    const sn_reduction_spec spec = spec_of(t);
    const sn_pieces pieces =
        sn_reduction_pieces(&spec, t->context->rank, t->context->size);
    const sn_range first =
        sn_rank_range(sn_cursor_batch(cursor), pieces.begin, pieces.total);
    return (size_t)(first.end - first.begin);
}

/* ---- the library of the products */

/* Seconds of one pass of the products by a library: an sn_repeat_run. */
static double time_backend(void *user, int which)
{
    trial *t = user;
    sn_replica *r = t->replica;
    r->workspace.backend = (sn_backend)(SN_BACKEND_OPENBLAS + which);
    double forward_seconds;
    return sn_net_time_products(&r->network, r->parameters, &r->workspace, r->batch.x,
                                t->rows, t->gradient, &forward_seconds);
}

static sn_status fastest_backend(trial *t, double seconds[SN_BACKENDS],
                                 sn_backend *fastest, sn_error *err)
{
    static const double enough_seconds = 0.02;
    enum { FEWEST = 3, MOST = 200, FIRST = SN_BACKEND_OPENBLAS };
    sn_comm *comm = t->context->comm;
    t->gradient = sn_alloc(t->replica->network.arena, sizeof *t->gradient);
    sn_status status = t->gradient == NULL
                           ? sn_fail(err, SN_ENOMEM, "gradients: out of memory")
                           : SN_OK;
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        sn_repeat_least(time_backend, t, SN_BACKENDS - FIRST, FEWEST, MOST,
                        enough_seconds, seconds + FIRST);
        status = sn_comm_sum_double(comm, seconds, SN_BACKENDS, err);
    }
    free(t->gradient);
    for (int b = 0; b < SN_BACKENDS; b++) {
        seconds[b] /= t->context->size;
    }
    *fastest = seconds[SN_BACKEND_ONEDNN] < seconds[SN_BACKEND_OPENBLAS]
                   ? SN_BACKEND_ONEDNN
                   : SN_BACKEND_OPENBLAS;
    return status;
}

/* The configuration keeps the choice for resumed runs, but not one that follows from
 * another key. */
static sn_status choose_backend(trial *t, double seconds[SN_BACKENDS], sn_error *err)
{
    sn_config *config = t->config;
    sn_backend chosen = (sn_backend)config->compute_backend;
    sn_status status = SN_OK;
    if (chosen == SN_BACKEND_AUTO && config->compute_precision == SN_PRECISION_BF16) {
        chosen = SN_BACKEND_ONEDNN; /* bf16 products are oneDNN's */
    } else if (chosen == SN_BACKEND_AUTO) {
        chosen = SN_BACKEND_OPENBLAS;
        /* a stopwatch chooses otherwise from run to run, and so would the bits */
        if (sn_gemm_has(SN_BACKEND_ONEDNN) &&
            !sn_reduction_of(config->comm_reduce)->fixed_order) {
            status = fastest_backend(t, seconds, &chosen, err);
        }
        config->compute_backend = (int)chosen;
    }
    t->replica->workspace.backend = chosen;
    return status;
}

/* ---- the reduction */

static sn_status make_reduction(const trial *t, const sn_reduction_spec *spec,
                                sn_reduction **reduction, sn_error *err)
{
    sn_workspace *workspace = &t->replica->workspace;
    const sn_status status =
        sn_reduction_create(t->context->comm, spec, reduction, err);
    const bool observes = status == SN_OK && sn_reduction_wants_ready(*reduction);
    workspace->observer = observes ? sn_reduction_ready : NULL;
    workspace->observer_user = *reduction;
    return status;
}

/* A reduction under measurement. */
typedef struct timing {
    const trial *trial;
    sn_reduction *reduction;
    sn_status status;
    sn_error *err;
} timing;

/* Seconds of one gradient and its reduction: an sn_repeat_run. */
static double time_reduction(void *user, int which)
{
    (void)which;
    timing *m = user;
    const trial *t = m->trial;
    sn_replica *r = t->replica;
    const sn_dropout none = {0};
    const float *sum;
    if (m->status == SN_OK) {
        m->status = sn_comm_agree(t->context->comm, SN_OK, m->err); /* a barrier */
    }
    const double begun = sn_clock_seconds();
    if (m->status == SN_OK) {
        sn_reduction_begin(m->reduction);
        (void)sn_net_gradient(&r->network, r->parameters, &r->workspace, r->batch.x,
                              r->batch.labels, r->batch.samples, t->rows, &none,
                              sn_reduction_buffer(m->reduction));
        sn_reduction_push(m->reduction);
        m->status = sn_reduction_finish(m->reduction, &sum, m->err);
    }
    return sn_clock_seconds() - begun;
}

/* The least of a few runs, as many on every rank; the mean over ranks. */
static sn_status measure_reduction(const trial *t, sn_reduction *reduction,
                                   double *seconds, sn_error *err)
{
    enum { ROUNDS = 3 };
    timing m = {.trial = t, .reduction = reduction, .err = err};
    sn_repeat_least(time_reduction, &m, 1, ROUNDS, ROUNDS, 0, seconds);
    if (m.status == SN_OK) {
        m.status = sn_comm_sum_double(t->context->comm, seconds, 1, err);
    }
    *seconds /= t->context->size;
    return m.status;
}

/* Measures every kind that these ranks can have, and takes the fastest. */
static sn_status choose_reduction(const trial *t, double seconds[SN_REDUCE_AUTO],
                                  sn_error *err)
{
    int best = SN_REDUCE_AUTO;
    sn_status status = SN_OK;
    for (int k = 0; k < SN_REDUCE_AUTO && status == SN_OK; k++) {
        sn_reduction *reduction;
        sn_reduction_spec spec = spec_of(t);
        const char *key;
        spec.kind = sn_reduction_of(k);
        if (!spec.kind->measured ||
            sn_reduction_check(&spec, t->context->size, &key, NULL) != SN_OK) {
            continue;
        }
        status = make_reduction(t, &spec, &reduction, err);
        if (status == SN_OK && sn_reduction_acting(reduction) == spec.kind) {
            status = measure_reduction(t, reduction, &seconds[k], err);
            best = best == SN_REDUCE_AUTO || seconds[k] < seconds[best] ? k : best;
        }
        sn_reduction_destroy(&reduction);
    }
    t->config->comm_reduce = best;
    return status;
}

/* Rank 0, which may have kept the choice of the run that it resumes, decides. */
static sn_status share_keys(const sn_context *context, sn_config *config, sn_error *err)
{
    int keys[2] = {config->compute_backend, config->comm_reduce};
    const sn_status status =
        sn_comm_broadcast(context->comm, keys, sizeof keys, 0, err);
    config->compute_backend = keys[0];
    config->comm_reduce = keys[1];
    /* this rank may run another build */
    return status == SN_OK ? sn_config_check(config, err) : status;
}

sn_status sn_choose(const sn_context *context, sn_config *config, sn_replica *replica,
                    const sn_cursor *cursor, sn_choice *choice,
                    sn_reduction **reduction, sn_error *err)
{
    *choice = (sn_choice){{0}, {0}};
    *reduction = NULL;
    sn_status status = share_keys(context, config, err);
    trial t = {.context = context, .config = config, .replica = replica};
    if (status == SN_OK) {
        t.rows = rows_of(&t, cursor);
        status = choose_backend(&t, choice->backend_seconds, err);
    }
    if (status == SN_OK) {
        if (config->compute_precision != SN_PRECISION_BF16) { /* those are oneDNN's */
            sn_gemm_limit_loops(replica->workspace.backend);
        }
        if (config->comm_reduce == SN_REDUCE_AUTO && context->size > 1) {
            status = choose_reduction(&t, choice->reduce_seconds, err);
        }
    }
    const sn_reduction_spec spec = spec_of(&t);
    return status == SN_OK ? make_reduction(&t, &spec, reduction, err) : status;
}

void sn_choice_print_reduction(const sn_choice *choice, const sn_config *config,
                               const sn_reduction *reduction, FILE *out)
{
    const double *seconds = choice->reduce_seconds;
    const sn_reduction_kind *standard = sn_reduction_of(SN_REDUCE_AUTO);
    const bool measured = seconds[0] > 0;
    if (sn_reduction_of(config->comm_reduce) == standard && !measured) {
        return;
    }
    char text[128];
    sn_reduction_describe(reduction, text, sizeof text);
    fprintf(out, "reduce   %s", text);
    const char *before = " (auto: gradient and sum";
    for (int k = 0; k < SN_REDUCE_AUTO; k++) {
        if (seconds[k] > 0) {
            fprintf(out, "%s %s %.3g ms", before, sn_reduction_of(k)->name,
                    1e3 * seconds[k]);
            before = ",";
        }
    }
    fputs(measured ? ")\n" : "\n", out);
}
