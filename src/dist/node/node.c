#include "dist/node/node.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dist/comm/internal.h"
#include "dist/launch/cores.h"
#include "dist/node/shared.h"

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

enum { MASK_WORDS = SN_NODE_MASK_WORDS };

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
        cores->node_cores += sn_cores_count_bits(used);
        cores->mask_cores += sn_cores_count_bits(masks[rank * MASK_WORDS + w]);
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
    sn_cores_read_mask(&mine);
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
