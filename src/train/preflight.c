/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/preflight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "data/formats/gunzip.h"
#include "nn/products/gemm.h"
#include "shardnet/version.h"

/* Compares the text of every rank with that of rank 0.  Collective.  Errors: SN_ECONFIG
 * "WHAT: rank R on HOST has '...', rank 0 has '...'; ADVICE", with the first line that
 * differs on the lowest such rank; SN_ENOMEM, SN_EMPI. */
static sn_status same_text(sn_comm *comm, const char *what, const char *mine,
                           const char *advice, sn_error *err)
{
    const int rank = sn_comm_rank(comm);
    size_t bytes = strlen(mine) + 1, same = 0, line = 0;
    sn_status status = sn_comm_broadcast(comm, &bytes, sizeof bytes, 0, err);
    if (status != SN_OK) {
        return status;
    }
    char *first = sn_comm_allocate(comm, bytes, 1, what, &status, err);
    if (status == SN_OK && rank == 0) {
        memcpy(first, mine, bytes);
    }
    if (status == SN_OK) {
        status = sn_comm_broadcast(comm, first, bytes, 0, err);
    }
    if (status == SN_OK) {
        for (; mine[same] == first[same] && mine[same] != '\0'; same++) {
            line = mine[same] == '\n' ? same + 1 : line;
        }
        sn_error found;
        bool any;
        sn_fail(&found, SN_ECONFIG,
                "%s: rank %d on %s has '%.*s', rank 0 has '%.*s'; %s", what, rank,
                sn_comm_host(comm), (int)strcspn(mine + line, "\n"), mine + line,
                (int)strcspn(first + line, "\n"), first + line, advice);
        status = sn_comm_share_first(comm, mine[same] != first[same], found.message,
                                     sizeof found.message, &any, err);
        if (status == SN_OK && any) {
            status = sn_fail(err, SN_ECONFIG, "%s", found.message);
        }
    }
    free(first);
    return status;
}

static sn_status check_config(sn_comm *comm, const sn_config *config, sn_error *err)
{
    sn_config copy = *config;
    copy.data_dir[0] =
        '\0'; /* each node may have its own folder; the loader compares the data */
    char *text = sn_config_text(&copy);
    sn_status status =
        text == NULL ? sn_fail(err, SN_ENOMEM, "configuration: out of memory") : SN_OK;
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK && text != NULL) {
        status = same_text(comm, "configuration", text,
                           "give every rank the same CONFIG and --set", err);
    }
    free(text);
    return status;
}

/* Compares the version and the optional libraries of the builds. */
static sn_status check_program(sn_comm *comm, sn_error *err)
{
    const int rank = sn_comm_rank(comm);
    const bool other = sn_fault_check("preflight.version", rank, -1, NULL) != SN_OK;
    const bool flip = sn_fault_check("preflight.libraries", rank, -1, NULL) != SN_OK;
    const bool onednn = sn_gemm_supports(SN_BACKEND_ONEDNN) != flip;
    char text[256];
    snprintf(text, sizeof text, "%s\noneDNN: %s\ngzip: %s",
             other ? "another version" : sn_version(), onednn ? "yes" : "no",
             sn_gunzip_library());
    return same_text(comm, "program", text, "start the same program on every node",
                     err);
}

sn_status sn_preflight_check(sn_comm *comm, const sn_config *config, sn_error *err)
{
    sn_status status = check_program(comm, err);
    if (status == SN_OK) {
        status = check_config(comm, config, err);
    }
    const bool fixed_order = sn_reduction_of(config->comm_reduce)->fixed_order;
    if (status == SN_OK && fixed_order) {
        sn_gemm_set_threads(1); /* as sn_context_open does */
        status = sn_comm_agree(comm, sn_gemm_load(err), err);
    }
    if (status == SN_OK && fixed_order) {
        /* auto is OpenBLAS in fp32, and the next check is that of bf16 */
        const bool onednn = config->compute_backend == SN_BACKEND_ONEDNN;
        status = same_text(
            comm, "processors",
            sn_gemm_library(onednn ? SN_BACKEND_ONEDNN : SN_BACKEND_OPENBLAS),
            onednn ? "reduce = reproducible needs one type: request nodes of one type, "
                     "or set ONEDNN_MAX_CPU_ISA to the older type on all"
                   : "reduce = reproducible needs one type: request nodes of one type, "
                     "or set OPENBLAS_CORETYPE to the older type on all",
            err);
    }
    if (status == SN_OK && fixed_order) {
        status = same_text(comm, "bf16",
                           sn_precision_method((sn_precision)config->compute_precision),
                           "reduce = reproducible needs one type of processor", err);
    }
    return status;
}

/* Describes a node whose ranks outnumber their cores; all counts its processors. */
static void describe_crowd(const char *host, int ranks, int cores, long all,
                           sn_error *text)
{
    const char *end = cores == 1 ? "" : "s";
    if (ranks <= all) {
        sn_fail(text, SN_OK,
                "binding (%s): %d ranks are bound to %d core%s of %ld; bind each rank "
                "to its own cores (srun --cpu-bind=cores, mpirun --bind-to core)",
                host, ranks, cores, end, all);
    } else {
        sn_fail(
            text, SN_OK,
            "oversubscribed (%s): %d ranks share %d core%s, and every step waits for "
            "all of them; start at most %d per node (mpirun -n, srun "
            "--ntasks-per-node)",
            host, ranks, cores, end, cores);
    }
}

sn_status sn_preflight_warn_cores(const sn_context *context, sn_console *console,
                                  sn_error *err)
{
    sn_comm *comm = context->comm;
    const int ranks = sn_comm_node_size(comm), cores = context->cores.node_cores;
    bool crowded;
    sn_error found;
    describe_crowd(sn_comm_host(comm), ranks, cores, sysconf(_SC_NPROCESSORS_ONLN),
                   &found);
    const sn_status status = sn_comm_share_first(comm, cores < ranks, found.message,
                                                 sizeof found.message, &crowded, err);
    if (status == SN_OK && crowded) {
        sn_console_warn(console, "%s", found.message);
    }
    return status;
}
