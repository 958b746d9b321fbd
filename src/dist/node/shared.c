/* SPDX-License-Identifier: BSD-3-Clause */
/* 1. The node's leader creates a file without pages and broadcasts its name.
 * 2. All ranks open the file and agree that they did.  The leader then unlinks it, so
 *    that the system deletes the file when the last process closes it.
 * 3. Every rank allocates the pages of its own part, which then lie near its core, and
 *    maps the whole file.  The ranks agree again. */
#include "dist/node/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/numeric/rng.h"
#include "dist/comm/internal.h"

enum { NAME_BYTES = 64 };

static size_t whole_pages(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

/* Sets the sizes of the parts and of the file; returns false if the file would be empty
 * or too large. */
static bool measure(sn_shared *shared, size_t head, size_t part, size_t ranks)
{
    const size_t most = PTRDIFF_MAX / 4;
    if (head > most || part > most / ranks) {
        return false;
    }
    shared->head_bytes = whole_pages(head);
    shared->part_bytes = whole_pages(part);
    shared->bytes = shared->head_bytes + ranks * shared->part_bytes;
    return shared->bytes > 0;
}

/* Returns true if the limit of ulimit -f is below bytes.  An allocation beyond it would
 * end a process that does not ignore SIGXFSZ. */
static bool exceeds_limit(size_t bytes)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
           limit.rlim_cur < bytes;
}

/* Returns true if /dev/shm has room for bytes beside the buffers of Open MPI: 4 MB per
 * rank, whose pages are allocated only when Open MPI first writes to them. */
static bool leaves_room(int file, size_t bytes, int ranks)
{
    const uint64_t mpi_bytes = (uint64_t)ranks << 22;
    struct statvfs system;
    return fstatvfs(file, &system) != 0 || system.f_blocks == 0 || /* no limit */
           (uint64_t)system.f_bavail * system.f_frsize >= bytes + mpi_bytes;
}

/* Creates the file and sets its name; returns the descriptor, or -1 on failure. */
static int make_file(size_t bytes, int ranks, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "/shardnet-%016" PRIx64, sn_unique_key());
    const int file = shm_open(name, O_CREAT | O_EXCL | O_RDWR, S_IRUSR | S_IWUSR);
    if (file >= 0 &&
        (!leaves_room(file, bytes, ranks) || ftruncate(file, (off_t)bytes) != 0)) {
        shm_unlink(name);
        close(file);
        return -1;
    }
    return file;
}

/* Allocates the pages of this rank and maps the whole file. */
static bool map_part(int file, int rank, sn_shared *shared)
{
    const size_t end = shared->head_bytes + ((size_t)rank + 1) * shared->part_bytes;
    const size_t begin = rank == 0 ? 0 : end - shared->part_bytes;
    int code = end > begin ? EINTR : 0;
    while (code == EINTR) {
        code = posix_fallocate(file, (off_t)begin, (off_t)(end - begin));
    }
    if (code != 0) {
        return false;
    }
    void *base = mmap(NULL, shared->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    shared->base = base == MAP_FAILED ? NULL : base;
    return shared->base != NULL;
}

/* Opens the file on all ranks of the node and unlinks it; *all is false if one of them
 * has no file. */
static sn_status open_file(sn_comm *comm, size_t bytes, int *file, bool *all,
                           sn_error *err)
{
    const bool leads = comm->node_rank == 0;
    const bool possible = bytes > 0 && !exceeds_limit(bytes) &&
                          sn_fault_check("node.window", comm->rank, -1, NULL) == SN_OK;
    char name[NAME_BYTES] = "";
    *all = false;
    if (leads && possible) {
        *file = make_file(bytes, comm->node_size, name);
    }
    sn_status status = sn_comm_node_broadcast(comm, name, sizeof name, err);
    if (status == SN_OK && !leads && possible && name[0] != '\0') {
        *file = shm_open(name, O_RDWR, 0);
    }
    if (status == SN_OK) {
        status = sn_mpi_all(comm->node, *file >= 0, all, err);
    }
    if (leads && *file >= 0) {
        shm_unlink(name);
    }
    return status;
}

sn_status sn_shared_map(sn_comm *comm, size_t head, size_t part, sn_shared *shared,
                        sn_error *err)
{
    int file = -1;
    bool all;
    *shared = (sn_shared){.base = NULL};
    const size_t bytes =
        measure(shared, head, part, (size_t)comm->node_size) ? shared->bytes : 0;
    sn_status status = open_file(comm, bytes, &file, &all, err);
    if (all) {
        status =
            sn_mpi_all(comm->node, map_part(file, comm->node_rank, shared), &all, err);
    }
    if (file >= 0) {
        close(file);
    }
    if (!all) {
        sn_shared_unmap(shared);
    }
    return status;
}

char *sn_shared_part(const sn_shared *shared, int node_rank)
{
    return shared->base + shared->head_bytes + (size_t)node_rank * shared->part_bytes;
}

void sn_shared_unmap(sn_shared *shared)
{
    if (shared->base != NULL) {
        munmap(shared->base, shared->bytes);
        shared->base = NULL;
    }
}
