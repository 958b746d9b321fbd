#include "dist/comm/comm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "dist/comm/internal.h"
#include "dist/launch/launch.h"

/* The largest piece of a broadcast: below an MPI count. */
static const size_t piece_bytes = (size_t)1 << 30;

/* of this process; only the thread that calls MPI uses it */
static bool mpi_has_failed;

bool sn_mpi_has_failed(void)
{
    return mpi_has_failed;
}

sn_status sn_mpi_check(int code, const char *what, sn_error *err)
{
    if (code == MPI_SUCCESS) {
        return SN_OK;
    }
    mpi_has_failed = true;
    char text[MPI_MAX_ERROR_STRING] = "unknown reason";
    int length = 0;
    MPI_Error_string(code, text, &length);
    return sn_fail(err, SN_EMPI, "%s: %s", what, text);
}

static sn_status describe_nodes(sn_comm *comm, sn_error *err)
{
    sn_status status =
        sn_mpi_check(MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank,
                                         MPI_INFO_NULL, &comm->node),
                     "MPI_Comm_split_type", err);
    if (status != SN_OK) {
        return status;
    }
    MPI_Comm_set_errhandler(comm->node, MPI_ERRORS_RETURN);
    MPI_Comm_rank(comm->node, &comm->node_rank);
    MPI_Comm_size(comm->node, &comm->node_size);
    int leads = comm->node_rank == 0;
    return sn_mpi_check(
        MPI_Allreduce(&leads, &comm->node_count, 1, MPI_INT, MPI_SUM, comm->world),
        "MPI_Allreduce", err);
}

static sn_status describe(sn_comm *comm, MPI_Comm from, sn_error *err)
{
    gethostname(comm->host, sizeof comm->host - 1);
    sn_status status =
        sn_mpi_check(MPI_Comm_dup(from, &comm->world), "MPI_Comm_dup", err);
    if (status != SN_OK) {
        return status;
    }
    MPI_Comm_set_errhandler(comm->world, MPI_ERRORS_RETURN);
    MPI_Comm_rank(comm->world, &comm->rank);
    MPI_Comm_size(comm->world, &comm->size);
    return describe_nodes(comm, err);
}

static sn_comm *allocate(MPI_Comm from)
{
    int rank = -1;
    MPI_Comm_rank(from, &rank);
    if (sn_fault_check("comm.allocate", rank, -1, NULL) != SN_OK) {
        return NULL;
    }
    sn_comm *comm = calloc(1, sizeof *comm);
    if (comm != NULL) {
        comm->task = -1;
        comm->node = comm->world = MPI_COMM_NULL;
    }
    return comm;
}

sn_status sn_comm_make(MPI_Comm from, sn_comm **comm, sn_error *err)
{
    *comm = allocate(from);
    int lacking = *comm == NULL, all_lacking = 0;
    const sn_status status =
        sn_mpi_check(MPI_Allreduce(&lacking, &all_lacking, 1, MPI_INT, MPI_MAX, from),
                     "MPI_Allreduce", err);
    if (status != SN_OK) {
        return status;
    }
    if (all_lacking) {
        sn_comm_finish(comm);
        return sn_fail(err, SN_ENOMEM, "communicator: out of memory");
    }
    return describe(*comm, from, err);
}

sn_status sn_comm_start(int *argc, char ***argv, sn_comm **out, sn_error *err)
{
    *out = NULL;
    sn_launch launch;
    sn_launch_read(&launch);
    sn_status status = sn_launch_check_before(&launch, err);
    if (status != SN_OK) {
        return status;
    }
    sn_launch_prepare(&launch);
    int provided;
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
        return sn_fail(err, SN_EMPI,
                       "MPI_Init_thread failed; see MPI's own lines above");
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    status = sn_comm_make(MPI_COMM_WORLD, out, err);
    if (status == SN_ENOMEM) {
        MPI_Finalize();
    }
    if (*out != NULL) {
        (*out)->task = launch.task;
        (*out)->owns_mpi = 1;
    }
    return status == SN_OK ? sn_launch_check(&launch, (*out)->size, err) : status;
}

int sn_comm_launch_task(void)
{
    sn_launch launch;
    sn_launch_read(&launch);
    return launch.task;
}

void sn_comm_finish(sn_comm **comm)
{
    if (*comm == NULL) {
        return;
    }
    if ((*comm)->node != MPI_COMM_NULL && !mpi_has_failed) {
        MPI_Comm_free(&(*comm)->node);
    }
    if ((*comm)->world != MPI_COMM_NULL && !mpi_has_failed) {
        MPI_Comm_free(&(*comm)->world);
    }
    if ((*comm)->owns_mpi) {
        MPI_Finalize();
    }
    free(*comm);
    *comm = NULL;
}

void sn_comm_abort(sn_comm *comm, int exit_code)
{
    MPI_Abort(comm->world == MPI_COMM_NULL ? MPI_COMM_WORLD : comm->world, exit_code);
    _exit(exit_code);
}

int sn_comm_rank(const sn_comm *comm)
{
    return comm->rank;
}

int sn_comm_size(const sn_comm *comm)
{
    return comm->size;
}

int sn_comm_node_rank(const sn_comm *comm)
{
    return comm->node_rank;
}

int sn_comm_node_size(const sn_comm *comm)
{
    return comm->node_size;
}

int sn_comm_node_count(const sn_comm *comm)
{
    return comm->node_count;
}

const char *sn_comm_host(const sn_comm *comm)
{
    return comm->host;
}

bool sn_comm_speaks(const sn_comm *comm)
{
    return comm->rank == 0 && (comm->size > 1 || comm->task <= 0);
}

sn_status sn_comm_agree(sn_comm *comm, sn_status status, sn_error *err)
{
    if (status == SN_EMPI) {
        return status;
    }
    /* MPI_MAXLOC: the largest status, and the lowest rank that has it */
    struct {
        int status, rank;
    } mine = {(int)status, comm->rank}, worst;
    sn_status mpi =
        sn_mpi_check(MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, comm->world),
                     "agreement between ranks", err);
    if (mpi != SN_OK || worst.status == SN_OK) {
        return mpi;
    }
    sn_error message = {""};
    if (comm->rank == worst.rank && err != NULL) {
        message = *err;
        if (comm->rank != 0) {
            sn_fail(&message, SN_OK, "%.*s [rank %d on %s]",
                    SN_MESSAGE_BYTES - SN_HOST_BYTES - 32, err->message, comm->rank,
                    comm->host);
        }
    }
    mpi = sn_comm_broadcast(comm, &message, sizeof message, worst.rank, err);
    if (mpi != SN_OK) {
        return mpi;
    }
    if (err != NULL) {
        *err = message;
    }
    return (sn_status)worst.status;
}

static sn_status broadcast(MPI_Comm comm, void *data, size_t bytes, int root,
                           sn_error *err)
{
    char *position = data;
    sn_status status = SN_OK;
    while (bytes > 0 && status == SN_OK) {
        size_t piece = bytes < piece_bytes ? bytes : piece_bytes;
        status = sn_mpi_check(MPI_Bcast(position, (int)piece, MPI_BYTE, root, comm),
                              "broadcast", err);
        position += piece;
        bytes -= piece;
    }
    return status;
}

sn_status sn_comm_broadcast(sn_comm *comm, void *data, size_t bytes, int root,
                            sn_error *err)
{
    return broadcast(comm->world, data, bytes, root, err);
}

sn_status sn_comm_node_broadcast(sn_comm *comm, void *data, size_t bytes, sn_error *err)
{
    return broadcast(comm->node, data, bytes, 0, err);
}

sn_status sn_comm_sum_int64(sn_comm *comm, int64_t *values, int count, sn_error *err)
{
    return sn_mpi_check(
        MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_INT64_T, MPI_SUM, comm->world),
        "sum over ranks", err);
}

sn_status sn_comm_sum_double(sn_comm *comm, double *values, int count, sn_error *err)
{
    return sn_mpi_check(
        MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, comm->world),
        "sum over ranks", err);
}

sn_status sn_comm_gather(sn_comm *comm, const void *mine, size_t bytes, void *all,
                         sn_error *err)
{
    if (bytes > piece_bytes) {
        return sn_fail(err, SN_ERANGE, "gather of %zu bytes exceeds an MPI count",
                       bytes);
    }
    return sn_mpi_check(MPI_Gather(mine, (int)bytes, MPI_BYTE, all, (int)bytes,
                                   MPI_BYTE, 0, comm->world),
                        "gather", err);
}

sn_status sn_comm_first(sn_comm *comm, bool yes, int *rank, sn_error *err)
{
    const int mine = yes ? comm->rank : comm->size;
    *rank = comm->size;
    return sn_mpi_check(MPI_Allreduce(&mine, rank, 1, MPI_INT, MPI_MIN, comm->world),
                        "lowest rank", err);
}

sn_status sn_comm_same(sn_comm *comm, const void *data, size_t bytes, bool *same,
                       sn_error *err)
{
    unsigned char first[256];
    *same = false;
    if (bytes > sizeof first) {
        return sn_fail(err, SN_ERANGE, "comparison of %zu bytes exceeds %zu", bytes,
                       sizeof first);
    }
    memcpy(first, data, bytes);
    sn_status status = sn_comm_broadcast(comm, first, bytes, 0, err);
    if (status != SN_OK) {
        return status;
    }
    int mine = memcmp(first, data, bytes) == 0, all = 0;
    status = sn_mpi_check(MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_LAND, comm->world),
                          "comparison", err);
    *same = all != 0;
    return status;
}
