#include "train/preflight.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "nn/products/gemm.h"
#include "shardnet/version.h"
#include "train/console.h"

/* The line at which two different texts part. */
static void find_difference(const char *a, const char *b, int *length_a, int *length_b,
                            const char **line_a, const char **line_b)
{
    size_t line = 0;
    for (size_t i = 0; a[i] == b[i]; i++) {
        if (a[i] == '\n') {
            line = i + 1;
        }
    }
    *line_a = a + line;
    *line_b = b + line;
    *length_a = (int)strcspn(*line_a, "\n");
    *length_b = (int)strcspn(*line_b, "\n");
}

/* SN_ECONFIG where mine is not rank 0's text: "WHAT: rank R on HOST has '...', rank 0
 * has '...'; ADVICE".  Collective. */
static sn_status same_text(sn_comm *comm, const char *what, const char *mine,
                           const char *advice, sn_error *err)
{
    const int rank = sn_comm_rank(comm);
    size_t bytes = strlen(mine) + 1;
    sn_status status = sn_comm_broadcast(comm, &bytes, sizeof bytes, 0, err);
    if (status != SN_OK) {
        return status;
    }
    char *theirs = calloc(bytes, 1);
    status = theirs == NULL ? sn_fail(err, SN_ENOMEM, "out of memory") : SN_OK;
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        if (rank == 0) {
            memcpy(theirs, mine, bytes);
        }
        status = sn_comm_broadcast(comm, theirs, bytes, 0, err);
    }
    int first = 0;
    if (status == SN_OK) {
        status = sn_comm_first(comm, strcmp(mine, theirs) != 0, &first, err);
    }
    if (status == SN_OK && first < sn_comm_size(comm)) {
        sn_error found = {""};
        if (rank == first) {
            const char *ours, *other;
            int our_length, other_length;
            find_difference(mine, theirs, &our_length, &other_length, &ours, &other);
            sn_fail(&found, SN_ECONFIG,
                    "%s: rank %d on %s has '%.*s', rank 0 has '%.*s'; %s", what, rank,
                    sn_comm_host(comm), our_length, ours, other_length, other, advice);
        }
        status = sn_comm_broadcast(comm, &found, sizeof found, first, err);
        if (status == SN_OK) {
            status = sn_fail(err, SN_ECONFIG, "%s", found.message);
        }
    }
    free(theirs);
    return status;
}

static sn_status check_config(sn_comm *comm, const sn_config *config, sn_error *err)
{
    sn_config *copy = malloc(sizeof *copy);
    char *text = NULL;
    if (copy != NULL) {
        *copy = *config;
        copy->data_dir[0] =
            '\0'; /* each node may have its own; the data are compared */
        text = sn_config_text(copy);
    }
    sn_status status =
        text == NULL ? sn_fail(err, SN_ENOMEM, "configuration: out of memory") : SN_OK;
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        status = same_text(comm, "configuration", text,
                           "give every rank the same CONFIG and --set", err);
    }
    free(text);
    free(copy);
    return status;
}

sn_status sn_preflight_check(sn_comm *comm, const sn_config *config, sn_error *err)
{
    const bool other = sn_fault_check("setup.version", sn_comm_rank(comm), -1, NULL);
    sn_status status =
        same_text(comm, "program", other ? "another version" : sn_version(),
                  "start the same program on every node", err);
    if (status == SN_OK) {
        status = check_config(comm, config, err);
    }
    const bool fixed_order = sn_reduction_of(config->comm_reduce)->fixed_order;
    if (status == SN_OK && fixed_order) {
        status = same_text(comm, "processors", sn_gemm_library(SN_BACKEND_OPENBLAS),
                           "reduce = reproducible needs one type: ask for nodes of one "
                           "kind, or set OPENBLAS_CORETYPE to the older one everywhere",
                           err);
    }
    if (status == SN_OK && fixed_order) {
        status = same_text(comm, "bf16",
                           sn_precision_means((sn_precision)config->compute_precision),
                           "reduce = reproducible needs one type of processor", err);
    }
    return status;
}

sn_status sn_preflight_warn_of_binding(const sn_context *context, sn_console *console,
                                       sn_error *err)
{
    sn_comm *comm = context->comm;
    const int ranks = sn_comm_node_size(comm), cores = context->cores.node_cores;
    int first;
    sn_status status = sn_comm_first(
        comm, cores < ranks && cores < sysconf(_SC_NPROCESSORS_ONLN), &first, err);
    if (status != SN_OK || first == context->size) {
        return status;
    }
    sn_error found = {""};
    if (context->rank == first) {
        sn_fail(&found, SN_OK,
                "binding (%s): %d ranks share %d core%s of %ld; bind them apart (srun "
                "--cpu-bind=cores, mpirun --bind-to core)",
                sn_comm_host(comm), ranks, cores, cores == 1 ? "" : "s",
                sysconf(_SC_NPROCESSORS_ONLN));
    }
    status = sn_comm_broadcast(comm, &found, sizeof found, first, err);
    if (status == SN_OK) {
        sn_console_warn(console, "%s", found.message);
    }
    return status;
}
