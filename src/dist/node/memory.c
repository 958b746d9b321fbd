/* SPDX-License-Identifier: BSD-3-Clause */
#include "dist/node/memory.h"

#include <stdlib.h>

#include "base/mem.h"
#include "dist/comm/internal.h"

/* Maps shared memory; data stays NULL if the ranks of the node cannot share it. */
static sn_status map(sn_comm *comm, sn_node_memory *memory, sn_error *err)
{
    const size_t ranks = (size_t)comm->node_size;
    sn_shared *shared = &memory->shared;
    const sn_status status = sn_shared_map(comm, sn_node_barrier_bytes(comm->node_size),
                                           memory->bytes / ranks + 1, shared, err);
    if (status == SN_OK && shared->base != NULL) {
        memory->data = (uint8_t *)sn_shared_part(shared, 0);
        memory->barrier = sn_node_barrier_at(comm, shared->base);
        memory->part = comm->node_rank;
        memory->parts = comm->node_size;
    }
    return status;
}

sn_status sn_node_memory_init(sn_comm *comm, size_t bytes, bool share, const char *what,
                              sn_node_memory *memory, sn_error *err)
{
    *memory = (sn_node_memory){.bytes = bytes, .parts = 1};
    sn_status status =
        share && comm != NULL && comm->node_size > 1 ? map(comm, memory, err) : SN_OK;
    if (status == SN_OK && memory->data == NULL) {
        memory->data = sn_alloc(bytes, 1);
        status =
            memory->data != NULL
                ? SN_OK
                : sn_fail(err, SN_ENOMEM, "%s (%zu bytes): out of memory", what, bytes);
    }
    status = comm != NULL ? sn_comm_agree(comm, status, err) : status;
    if (status != SN_OK) {
        sn_node_memory_clear(memory);
    }
    return status;
}

void sn_node_memory_clear(sn_node_memory *memory)
{
    if (memory->shared.base == NULL) {
        free(memory->data);
    }
    sn_shared_unmap(&memory->shared);
    memory->data = NULL;
}

sn_status sn_node_memory_publish(sn_comm *comm, sn_node_memory *memory, sn_error *err)
{
    sn_node_memory_meet(memory);
    return memory->shared.base != NULL
               ? SN_OK
               : sn_comm_node_broadcast(comm, memory->data, memory->bytes, err);
}

sn_status sn_node_memory_distribute(sn_comm *comm, sn_node_memory *memory,
                                    sn_error *err)
{
    const sn_status status =
        comm->node_count > 1
            ? sn_comm_leaders_broadcast(comm, memory->data, memory->bytes, err)
            : SN_OK;
    return status == SN_OK ? sn_node_memory_publish(comm, memory, err) : status;
}

void sn_node_memory_meet(sn_node_memory *memory)
{
    if (memory->shared.base != NULL) {
        sn_node_barrier_meet(&memory->barrier);
    }
}
