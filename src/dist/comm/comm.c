/* SPDX-License-Identifier: BSD-3-Clause */
#include "dist/comm/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "dist/launch/launch.h"

/* A broadcast is sent in chunks of at most this size, which fits an MPI count. */
static const size_t chunk_bytes = (size_t)1 << 30;

/* Only the thread that calls MPI uses this. */
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

sn_status sn_mpi_all(MPI_Comm comm, bool mine, bool *all, sn_error *err)
{
    *all = false;
    return sn_mpi_check(MPI_Allreduce(&mine, all, 1, MPI_C_BOOL, MPI_LAND, comm),
                        "agreement", err);
}

/* Duplicates from, and finds this rank's place in it and on its node. */
static sn_status describe(sn_comm *comm, MPI_Comm from, sn_error *err)
{
    gethostname(comm->host, sizeof comm->host - 1);
    sn_status status =
        sn_mpi_check(MPI_Comm_dup(from, &comm->world), "MPI_Comm_dup", err);
    if (status == SN_OK) {
        MPI_Comm_set_errhandler(comm->world, MPI_ERRORS_RETURN);
        MPI_Comm_rank(comm->world, &comm->rank);
        MPI_Comm_size(comm->world, &comm->size);
        status =
            sn_mpi_check(MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED,
                                             comm->rank, MPI_INFO_NULL, &comm->node),
                         "MPI_Comm_split_type", err);
    }
    if (status != SN_OK) {
        return status;
    }
    MPI_Comm_set_errhandler(comm->node, MPI_ERRORS_RETURN);
    MPI_Comm_rank(comm->node, &comm->node_rank);
    MPI_Comm_size(comm->node, &comm->node_size);
    const int leads = comm->node_rank == 0;
    return sn_mpi_check(
        MPI_Allreduce(&leads, &comm->node_count, 1, MPI_INT, MPI_SUM, comm->world),
        "MPI_Allreduce", err);
}

/* Creates the communicator for the ranks of from.  If one rank lacks the memory, all
 * return SN_ENOMEM and *out is NULL.  After SN_EMPI the caller releases *out, if not
 * NULL, with sn_comm_finish. */
static sn_status make(MPI_Comm from, sn_comm **out, sn_error *err)
{
    int rank = -1;
    bool all;
    MPI_Comm_rank(from, &rank);
    sn_comm *comm = sn_fault_check("comm.allocate", rank, -1, NULL) == SN_OK
                        ? calloc(1, sizeof *comm)
                        : NULL;
    sn_status status = sn_mpi_all(from, comm != NULL, &all, err);
    if (comm == NULL || !all) {
        free(comm);
        return status != SN_OK ? status
                               : sn_fail(err, SN_ENOMEM, "communicator: out of memory");
    }
    comm->task = -1;
    comm->node = comm->world = MPI_COMM_NULL;
    *out = comm;
    return describe(comm, from, err);
}

sn_status sn_comm_adopt(MPI_Comm communicator, sn_comm **out, sn_error *err)
{
    int started = 0, finished = 0, level = MPI_THREAD_SINGLE;
    *out = NULL;
    MPI_Initialized(&started);
    MPI_Finalized(&finished);
    if (started && !finished) {
        MPI_Query_thread(&level);
    }
    if (level < MPI_THREAD_FUNNELED) { /* the writer and the watchdog are threads */
        return sn_fail(err, SN_ECONFIG,
                       "communicator: MPI runs without thread support; start it with "
                       "MPI_Init_thread and MPI_THREAD_FUNNELED");
    }
    const sn_status status = make(communicator, out, err);
    if (status != SN_OK) {
        sn_comm_finish(out);
    }
    return status;
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
    if (launch.tasks == 1) {
        sn_launch_alone();
    }
    sn_launch_prepare(&launch);
    int provided;
    if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
        return sn_fail(err, SN_EMPI,
                       "MPI_Init_thread failed; see the lines that MPI printed above");
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    status = make(MPI_COMM_WORLD, out, err);
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

bool sn_comm_prints(const sn_comm *comm)
{
    return comm->rank == 0 && (comm->size > 1 || comm->task <= 0);
}

sn_status sn_comm_agree(sn_comm *comm, sn_status status, sn_error *err)
{
    if (status == SN_EMPI) {
        return status;
    }
    /* MPI_MAXLOC finds the largest status and the lowest rank that has it. */
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
        size_t chunk = bytes < chunk_bytes ? bytes : chunk_bytes;
        status = sn_mpi_check(MPI_Bcast(position, (int)chunk, MPI_BYTE, root, comm),
                              "broadcast", err);
        position += chunk;
        bytes -= chunk;
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

sn_status sn_comm_leaders_broadcast(sn_comm *comm, void *data, size_t bytes,
                                    sn_error *err)
{
    MPI_Comm leaders = MPI_COMM_NULL;
    sn_status status = sn_mpi_check(
        MPI_Comm_split(comm->world, comm->node_rank == 0 ? 0 : MPI_UNDEFINED,
                       comm->rank, &leaders),
        "MPI_Comm_split", err);
    if (leaders != MPI_COMM_NULL) {
        MPI_Comm_set_errhandler(leaders, MPI_ERRORS_RETURN);
        status = broadcast(leaders, data, bytes, 0, err);
        if (status == SN_OK) {
            MPI_Comm_free(&leaders);
        }
    }
    return status;
}

sn_status sn_comm_sum_double(sn_comm *comm, double *values, size_t count, sn_error *err)
{
    if (count > INT_MAX) {
        return sn_fail(err, SN_ERANGE, "sum of %zu numbers exceeds an MPI count",
                       count);
    }
    return sn_mpi_check(MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_DOUBLE,
                                      MPI_SUM, comm->world),
                        "sum over ranks", err);
}

sn_status sn_comm_gather(sn_comm *comm, const void *mine, size_t bytes, void *all,
                         sn_error *err)
{
    if (bytes > chunk_bytes) {
        return sn_fail(err, SN_ERANGE, "gather of %zu bytes exceeds an MPI count",
                       bytes);
    }
    return sn_mpi_check(MPI_Gather(mine, (int)bytes, MPI_BYTE, all, (int)bytes,
                                   MPI_BYTE, 0, comm->world),
                        "gather", err);
}

sn_status sn_comm_share_first(sn_comm *comm, bool yes, char *text, size_t bytes,
                              bool *any, sn_error *err)
{
    const int mine = yes ? comm->rank : comm->size;
    int first = comm->size;
    const sn_status status =
        sn_mpi_check(MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, comm->world),
                     "lowest rank", err);
    *any = first < comm->size;
    return status == SN_OK && *any ? sn_comm_broadcast(comm, text, bytes, first, err)
                                   : status;
}

void *sn_comm_allocate(sn_comm *comm, size_t count, size_t bytes, const char *what,
                       sn_status *status, sn_error *err)
{
    void *memory = sn_alloc(count, bytes);
    *status =
        memory != NULL ? SN_OK : sn_fail(err, SN_ENOMEM, "%s: out of memory", what);
    *status = sn_comm_agree(comm, *status, err);
    if (*status != SN_OK) {
        free(memory);
        memory = NULL;
    }
    return memory;
}
