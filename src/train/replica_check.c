#include "train/replica_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/hash.h"

typedef struct replica {
    uint64_t hash;
    char host[SN_HOST_BYTES];
} replica;

static uint64_t hash_of(const sn_state *state)
{
    const size_t bytes = state->model.arena * sizeof(float);
    return sn_hash(sn_hash(0, state->parameters, bytes), state->velocity, bytes);
}

static int count_same(const replica *all, int size, uint64_t hash)
{
    int count = 0;
    for (int i = 0; i < size; i++) {
        count += all[i].hash == hash;
    }
    return count;
}

/* The rank that more than half of all agree with; -1 for none. */
static int find_majority(const replica *all, int size)
{
    for (int i = 0; 2 * i <= size; i++) {
        if (2 * count_same(all, size, all[i].hash) > size) {
            return i;
        }
    }
    return -1;
}

/* "rank 1 on node7, rank 5 on node9" and so on: those that differ from rank good's, or
 * all for good -1. */
static void list_ranks(const replica *all, int size, int good, char *text, size_t bytes)
{
    enum { NAMED = 6 };
    int found = 0;
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < size; i++) {
        if (good >= 0 && all[i].hash == all[good].hash) {
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

/* Rank 0. */
static sn_status blame(const sn_state *state, const replica *all, sn_error *err)
{
    char ranks[640];
    const int good = find_majority(all, state->size);
    list_ranks(all, state->size, good, ranks, sizeof ranks);
    return sn_fail(err, SN_EINTERNAL,
                   "replicas differ (step %" PRId64
                   "): the parameters of %s %s; memory, "
                   "processor or network may be failing; leave the machine out",
                   state->progress.step, ranks,
                   good >= 0 ? "are not those of the other ranks"
                             : "are not the same, with no majority for either");
}

/* Finds out who, when it is known that somebody differs. */
static sn_status find_culprits(const sn_state *state, uint64_t hash, sn_error *err)
{
    replica mine = {.hash = hash}, *all = NULL;
    snprintf(mine.host, sizeof mine.host, "%s", sn_comm_host(state->comm));
    sn_status status = SN_OK;
    if (state->rank == 0) {
        all = calloc((size_t)state->size, sizeof *all);
        status = all != NULL
                     ? SN_OK
                     : sn_fail(err, SN_ENOMEM, "replicas differ: out of memory");
    }
    status = sn_comm_agree(state->comm, status, err);
    if (status == SN_OK) {
        status = sn_comm_gather(state->comm, &mine, sizeof mine, all, err);
    }
    if (status == SN_OK) {
        status = state->rank == 0 ? blame(state, all, err) : SN_OK;
        status = sn_comm_agree(state->comm, status, err);
    }
    free(all);
    return status;
}

sn_status sn_replica_check(sn_state *state, sn_error *err)
{
    if (state->size == 1 || state->config.comm_check_replicas_every == 0 ||
        state->replicas_step == state->progress.step) {
        return SN_OK;
    }
    const uint64_t hash = hash_of(state);
    bool same = false;
    sn_status status = sn_comm_same(state->comm, &hash, sizeof hash, &same, err);
    if (status != SN_OK) {
        return status;
    }
    state->replicas_step = state->progress.step;
    return same ? SN_OK : find_culprits(state, hash, err);
}

/* For tests: one bit of a weight changes. */
static void disturb(sn_state *state)
{
    const uint32_t bit = 1u << 20;
    uint32_t word;
    memcpy(&word, state->parameters, sizeof word);
    word ^= bit;
    memcpy(state->parameters, &word, sizeof word);
}

sn_status sn_replica_step(sn_state *state, sn_error *err)
{
    const int64_t step = state->progress.step;
    const int64_t every = state->config.comm_check_replicas_every;
    if (sn_fault_check("replica.flip", state->rank, step, NULL) != SN_OK) {
        disturb(state);
    }
    return every > 0 && step % every == 0 ? sn_replica_check(state, err) : SN_OK;
}
