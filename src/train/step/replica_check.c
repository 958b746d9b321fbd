/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/step/replica_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/numeric/digest.h"

/* The hash that a rank computes. */
typedef struct copy {
    bool exists; /* false if another rank of the node computes the hash of its copy */
    uint64_t hash;
    char host[SN_HOST_BYTES];
} copy;

static uint64_t hash_of(const sn_replica *replica)
{
    const sn_state *state = &replica->state;
    return sn_hash(0, state->parameters, state->elements * sizeof(float));
}

/* Returns the number of copies with the hash of rank like, or of all if like is -1. */
static int count(const copy *all, int size, int like)
{
    int found = 0;
    for (int i = 0; i < size; i++) {
        found += all[i].exists && (like < 0 || all[i].hash == all[like].hash);
    }
    return found;
}

/* Returns a rank whose hash more than half of all copies have, -1 if there is none. */
static int find_majority(const copy *all, int size)
{
    const int copies = count(all, size, -1);
    for (int i = 0; i < size; i++) {
        if (all[i].exists && 2 * count(all, size, i) > copies) {
            return i;
        }
    }
    return -1;
}

/* Writes "rank 1 on node7, rank 5 on node9" and so on: the ranks that differ from rank
 * good, or all ranks if good is -1. */
static void list_ranks(const copy *all, int size, int good, char *text, size_t bytes)
{
    enum { NAMED = 6 };
    int found = 0;
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < size; i++) {
        if (!all[i].exists || (good >= 0 && all[i].hash == all[good].hash)) {
            continue;
        }
        if (found++ < NAMED) {
            used += (size_t)snprintf(text + used, bytes - used, "%srank %d on %.*s",
                                     found > 1 ? ", " : "", i, SN_HOST_BYTES - 1,
                                     all[i].host);
        }
    }
    if (found > NAMED) {
        snprintf(text + used, bytes - used, " and %d more", found - NAMED);
    }
}

/* Returns SN_EINTERNAL with the ranks that differ.  Rank 0 only. */
static sn_status report_difference(const copy *all, int size, int64_t step,
                                   sn_error *err)
{
    char ranks[640];
    const int good = find_majority(all, size);
    list_ranks(all, size, good, ranks, sizeof ranks);
    return sn_fail(err, SN_EINTERNAL,
                   "replicas differ (step %" PRId64
                   "): the parameters of %s %s; memory, "
                   "processor or network may be failing; exclude the machine",
                   step, ranks,
                   good >= 0 ? "differ from those of the other ranks"
                             : "differ, without a majority");
}

/* Gathers the hashes of all ranks and reports the difference. */
static sn_status find_culprits(const sn_context *context, copy *mine, int64_t step,
                               sn_error *err)
{
    const size_t ranks = context->rank == 0 ? (size_t)context->size : 0;
    sn_status status;
    snprintf(mine->host, sizeof mine->host, "%s", sn_comm_host(context->comm));
    copy *all = sn_comm_allocate(context->comm, ranks, sizeof *mine, "replicas differ",
                                 &status, err);
    if (status == SN_OK) {
        status = sn_comm_gather(context->comm, mine, sizeof *mine, all, err);
    }
    if (status == SN_OK) {
        status = context->rank == 0 ? report_difference(all, context->size, step, err)
                                    : SN_OK;
        status = sn_comm_agree(context->comm, status, err);
    }
    free(all);
    return status;
}

sn_status sn_replica_check(const sn_context *context, const sn_replica *replica,
                           int64_t step, sn_error *err)
{
    const sn_node_memory *memory = &replica->memory;
    if (memory->parts == context->size) { /* one rank, or one copy that all share */
        return SN_OK;
    }
    copy mine = {.exists = memory->part == 0};
    mine.hash = mine.exists ? hash_of(replica) : 0;
    uint64_t first = mine.hash;
    sn_status status = sn_comm_broadcast(context->comm, &first, sizeof first, 0, err);
    if (status == SN_OK) {
        const bool same = !mine.exists || mine.hash == first;
        status = sn_comm_agree(context->comm, same ? SN_OK : SN_EINTERNAL, err);
    }
    return status == SN_EINTERNAL ? find_culprits(context, &mine, step, err) : status;
}

void sn_replica_inject_fault(const sn_context *context, sn_replica *replica,
                             int64_t step)
{
    const uint32_t bit = 1u << 20;
    uint32_t word;
    if (sn_fault_check("replica.flip", context->rank, step, NULL) != SN_OK) {
        memcpy(&word, replica->state.parameters, sizeof word);
        word ^= bit;
        memcpy(replica->state.parameters, &word, sizeof word);
    }
}
