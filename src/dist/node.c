#define _GNU_SOURCE /* sched_getaffinity */
#include "shardnet/node.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dist/cores.h"
#include "dist/internal.h"
#include "dist/shared.h"
#include "shardnet/mem.h"

struct sn_node_memory {
    sn_shared shared; /* without base for a private copy */
    uint8_t *data;
    size_t bytes;
};

sn_status sn_node_memory_create(sn_comm *comm, size_t bytes, sn_node_memory **out,
                                sn_error *err)
{
    sn_node_memory *memory = calloc(1, sizeof *memory);
    sn_status status =
        memory == NULL ? sn_fail(err, SN_ENOMEM, "data set: out of memory") : SN_OK;
    status = sn_comm_agree(comm, status, err);
    if (status != SN_OK) {
        free(memory);
        return status;
    }
    memory->bytes = bytes;
    status = sn_shared_map(comm, bytes, 0, &memory->shared, err);
    memory->data = (uint8_t *)memory->shared.base;
    if (status == SN_OK && memory->data == NULL) {
        memory->data = sn_alloc(bytes, 1);
        if (memory->data == NULL) {
            status =
                sn_fail(err, SN_ENOMEM, "data set (%zu bytes): out of memory", bytes);
        }
    }
    status = sn_comm_agree(comm, status, err);
    if (status != SN_OK) {
        sn_node_memory_destroy(&memory);
    }
    *out = memory;
    return status;
}

void sn_node_memory_destroy(sn_node_memory **memory)
{
    if (*memory == NULL) {
        return;
    }
    if ((*memory)->shared.base == NULL) {
        free((*memory)->data);
    }
    sn_shared_unmap(&(*memory)->shared);
    free(*memory);
    *memory = NULL;
}

uint8_t *sn_node_memory_data(sn_node_memory *memory)
{
    return memory->data;
}

int sn_node_memory_shared(const sn_node_memory *memory)
{
    return memory->shared.base != NULL;
}

sn_status sn_node_memory_publish(sn_comm *comm, sn_node_memory *memory, sn_error *err)
{
    if (memory->shared.base == NULL) {
        return sn_comm_node_broadcast(comm, memory->data, memory->bytes, err);
    }
    /* writes of before the barrier are seen after it, however MPI makes it */
    atomic_thread_fence(memory_order_seq_cst);
    const sn_status status = sn_mpi_check(MPI_Barrier(comm->node), "MPI_Barrier", err);
    atomic_thread_fence(memory_order_seq_cst);
    return status;
}

enum { MASK_WORDS = SN_NODE_MASK_WORDS, CPUS = 64 * MASK_WORDS };
_Static_assert(sizeof(sn_node_mask) % sizeof(cpu_set_t) == 0, "sets hold a mask");

/* The system's form of a mask; one cpu_set_t would be too small for some machines. */
typedef struct cpu_sets {
    cpu_set_t set[sizeof(sn_node_mask) / sizeof(cpu_set_t)];
} cpu_sets;

static void read_mask(uint64_t mask[MASK_WORDS])
{
    cpu_sets sets;
    memset(&sets, 0, sizeof sets);
    memset(mask, 0, MASK_WORDS * sizeof mask[0]);
    if (sched_getaffinity(0, sizeof sets, sets.set) != 0) {
        mask[0] = 1; /* one thread is safe */
        return;
    }
    for (size_t core = 0; core < CPUS; core++) {
        if (CPU_ISSET_S(core, sizeof sets, sets.set)) {
            mask[core / 64] |= UINT64_C(1) << (core % 64);
        }
    }
}

static int count_bits(uint64_t word)
{
    int bits = 0;
    for (; word != 0; word &= word - 1) {
        bits++;
    }
    return bits;
}

int sn_cores_in_mask(void)
{
    uint64_t mask[MASK_WORDS];
    int cores = 0;
    read_mask(mask);
    for (size_t w = 0; w < MASK_WORDS; w++) {
        cores += count_bits(mask[w]);
    }
    return cores;
}

static int has_core(const uint64_t *masks, int words, int rank, int core)
{
    return (int)(masks[(size_t)rank * (size_t)words + (size_t)core / 64] >>
                     (core % 64) &
                 1);
}

int sn_node_share(const uint64_t *masks, int ranks, int words, int rank)
{
    double share = 0;
    for (int core = 0; core < words * 64; core++) {
        if (has_core(masks, words, rank, core)) {
            int users = 0;
            for (int other = 0; other < ranks; other++) {
                users += has_core(masks, words, other, core);
            }
            share += 1.0 / users;
        }
    }
    int threads = (int)(share + 1e-9);
    return threads > 1 ? threads : 1;
}

/* This rank's part of what the control group allows all of the node, at most threads.
 */
static int within_quota(int threads, int ranks)
{
    const double part = sn_cores_quota("/proc", "/sys") / ranks;
    return part >= threads ? threads : part < 1 ? 1 : (int)part;
}

/* All but threads, from the masks of the node. */
static void count_cores(const sn_comm *comm, const uint64_t *masks,
                        sn_node_cores *cores)
{
    const int ranks = comm->node_size, rank = comm->node_rank;
    *cores = (sn_node_cores){.most = sn_node_share(masks, ranks, MASK_WORDS, rank)};
    for (int w = 0; w < MASK_WORDS; w++) {
        uint64_t used = 0;
        for (int r = 0; r < ranks; r++) {
            used |= masks[r * MASK_WORDS + w];
        }
        cores->node_cores += count_bits(used);
        cores->mask_cores += count_bits(masks[rank * MASK_WORDS + w]);
    }
}

/* A mask of each rank of the node, in rank order. */
static sn_status gather(sn_comm *comm, const sn_node_mask *mine, uint64_t *masks,
                        sn_error *err)
{
    return sn_mpi_check(MPI_Allgather(mine->word, MASK_WORDS, MPI_UINT64_T, masks,
                                      MASK_WORDS, MPI_UINT64_T, comm->node),
                        "MPI_Allgather", err);
}

sn_status sn_node_cores_find(sn_comm *comm, sn_node_cores *cores, sn_error *err)
{
    sn_node_mask mine;
    read_mask(mine.word);
    uint64_t *masks = sn_alloc((size_t)comm->node_size, sizeof mine);
    sn_status status = masks == NULL ? sn_fail(err, SN_ENOMEM, "out of memory") : SN_OK;
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        status = gather(comm, &mine, masks, err);
    }
    if (status == SN_OK) {
        count_cores(comm, masks, cores);
        sn_cores_merge("/sys", &mine);
        status = gather(comm, &mine, masks, err);
    }
    if (status == SN_OK) {
        const int share =
            sn_node_share(masks, comm->node_size, MASK_WORDS, comm->node_rank);
        cores->threads = within_quota(share, comm->node_size);
    }
    free(masks);
    return status;
}

sn_status sn_node_masks(sn_comm *comm, sn_node_mask *mine, sn_node_mask *together,
                        sn_error *err)
{
    read_mask(mine->word);
    return sn_mpi_check(MPI_Allreduce(mine->word, together->word, MASK_WORDS,
                                      MPI_UINT64_T, MPI_BOR, comm->node),
                        "MPI_Allreduce", err);
}

void sn_node_run_on(const sn_node_mask *mask)
{
    cpu_sets sets;
    memset(&sets, 0, sizeof sets);
    for (size_t core = 0; core < CPUS; core++) {
        if (mask->word[core / 64] >> (core % 64) & 1) {
            CPU_SET_S(core, sizeof sets, sets.set);
        }
    }
    (void)sched_setaffinity(0, sizeof sets, sets.set);
}
