/* SPDX-License-Identifier: BSD-3-Clause */
/* sn_engine_choose: a rule gives a value to each key that is auto. */
#include "base/fault.h"
#include "train/step/engine.h"

/* Copies the keys from rank 0, which may have restored the choices of an earlier
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

/* The choice is stored in the configuration, so that resumed runs keep it.  One rank
 * has nothing to reduce, and its key stays auto. */
static sn_status choose_reduction(sn_engine *e, sn_error *err)
{
    const sn_reduction_spec spec =
        sn_config_reduction(&e->config, e->replica.network.arena, SN_TAIL_ELEMENTS);
    sn_reduce_kind kind;
    const sn_status status = sn_reduction_choose(e->context.comm, &spec, &kind, err);
    e->config.comm_reduce = (int)kind;
    e->reduction_chosen = true;
    return status;
}

static sn_status make_reduction(sn_engine *e, sn_error *err)
{
    const sn_reduction_spec spec =
        sn_config_reduction(&e->config, e->replica.network.arena, SN_TAIL_ELEMENTS);
    sn_workspace *workspace = &e->replica.workspace;
    const sn_status status =
        sn_reduction_create(e->context.comm, &spec, &e->reduction, err);
    if (status == SN_OK && sn_reduction_wants_ready(e->reduction)) {
        workspace->observer = sn_reduction_ready;
        workspace->observer_user = e->reduction;
    }
    return status;
}

sn_status sn_engine_choose(sn_engine *e, sn_error *err)
{
    sn_config *config = &e->config;
    /* processors may differ: the choice of rank 0 counts */
    config->compute_backend = (int)sn_config_backend(config, &e->replica.network);
    sn_status status = share_keys(e->context.comm, config, err);
    if (status == SN_OK && config->comm_reduce == SN_REDUCE_AUTO &&
        e->context.size > 1) {
        status = choose_reduction(e, err);
    }
    if (status != SN_OK) {
        return status;
    }
    const sn_backend backend = (sn_backend)config->compute_backend;
    e->replica.workspace.backend = backend;
    if (config->compute_precision != SN_PRECISION_BF16) { /* bf16 uses oneDNN only */
        sn_gemm_limit_loops(backend);
    }
    return make_reduction(e, err);
}
