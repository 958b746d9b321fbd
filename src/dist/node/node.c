/* SPDX-License-Identifier: BSD-3-Clause */
#include "dist/node/node.h"

#include <stdlib.h>

#include "dist/comm/internal.h"
#include "dist/launch/cores.h"

/* Limits threads to this rank's part of the node's quota; the result is at least 1. */
static int within_quota(int threads, int ranks)
{
    const double part = sn_cores_quota("/proc", "/sys") / ranks;
    return part >= threads ? threads : part < 1 ? 1 : (int)part;
}

/* Sets all fields but threads from the masks of the node. */
static void count_cores(const sn_comm *comm, const sn_node_mask *masks,
                        sn_node_cores *cores)
{
    sn_node_mask used = {{0}};
    for (int r = 0; r < comm->node_size; r++) {
        for (int w = 0; w < SN_NODE_MASK_WORDS; w++) {
            used.word[w] |= masks[r].word[w];
        }
    }
    *cores =
        (sn_node_cores){.mask_cores = sn_cores_count(&masks[comm->node_rank]),
                        .node_cores = sn_cores_count(&used),
                        .most = sn_node_share(masks, comm->node_size, comm->node_rank)};
}

/* Gathers the masks of the ranks of the node, in the order of their ranks. */
static sn_status gather(sn_comm *comm, const sn_node_mask *mine, sn_node_mask *masks,
                        sn_error *err)
{
    return sn_mpi_check(MPI_Allgather(mine, sizeof *mine, MPI_BYTE, masks, sizeof *mine,
                                      MPI_BYTE, comm->node),
                        "MPI_Allgather", err);
}

sn_status sn_node_cores_find(sn_comm *comm, sn_node_cores *cores, sn_error *err)
{
    sn_node_mask mine;
    sn_status status;
    sn_cores_read_mask(&mine);
    sn_node_mask *masks = sn_comm_allocate(comm, (size_t)comm->node_size, sizeof mine,
                                           "affinity masks", &status, err);
    if (status == SN_OK) {
        status = gather(comm, &mine, masks, err);
    }
    if (status == SN_OK) {
        count_cores(comm, masks, cores);
        sn_cores_merge("/sys", &mine);
        status = gather(comm, &mine, masks, err);
    }
    if (status == SN_OK) {
        const int share = sn_node_share(masks, comm->node_size, comm->node_rank);
        cores->threads = within_quota(share, comm->node_size);
    }
    free(masks);
    return status;
}
