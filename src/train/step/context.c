/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/step/context.h"

#include "base/fault.h"
#include "dist/reduce/reduction.h"
#include "nn/products/gemm.h"

static sn_status choose_threads(sn_context *context, const sn_config *config,
                                sn_error *err)
{
    sn_status status = sn_node_cores_find(context->comm, &context->cores, err);
    if (status != SN_OK) {
        return status;
    }
    int64_t wanted = config->compute_threads;
    if (sn_reduction_of(config->comm_reduce)->fixed_order) {
        wanted = 1; /* with more threads the BLAS may add in another order */
    }
    context->threads =
        wanted > 0 ? (int)wanted : sn_gemm_affordable_threads(context->cores.threads);
    if (wanted > context->cores.most) {
        status = sn_config_refuse(
            config, "compute", "threads", err,
            "%d exceeds %d, this rank's share of the affinity mask (%d ranks on its "
            "node); use auto, fewer ranks, or bind ranks to more cores (mpirun "
            "--bind-to none)",
            (int)wanted, context->cores.most, sn_comm_node_size(context->comm));
    }
    status = sn_comm_agree(context->comm, status, err);
    if (status == SN_OK) {
        sn_gemm_set_threads(context->threads);
    }
    return status;
}

/* Every rank checks its own CPU, since the nodes may differ. */
static sn_status check_precision(const sn_context *context, const sn_config *config,
                                 sn_error *err)
{
    sn_error found = {""};
    sn_status status =
        sn_precision_check((sn_precision)config->compute_precision, &found);
    if (status == SN_OK) {
        status = sn_fault_check("context.precision", context->rank, -1, &found);
    }
    if (status != SN_OK) {
        status = sn_config_refuse(config, "compute", "precision", err,
                                  "on %s: bf16 needs %s; use fp32, or bf16_emulated to "
                                  "study the effect of rounding",
                                  sn_comm_host(context->comm), found.message);
    }
    return sn_comm_agree(context->comm, status, err);
}

sn_status sn_context_open(sn_context *context, sn_comm *comm, const sn_config *config,
                          sn_error *err)
{
    *context = (sn_context){
        .comm = comm, .rank = sn_comm_rank(comm), .size = sn_comm_size(comm)};
    const sn_status status = choose_threads(context, config, err);
    return status == SN_OK ? check_precision(context, config, err) : status;
}
