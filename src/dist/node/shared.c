/* SPDX-License-Identifier: BSD-3-Clause */
/* 1. The node's leader makes a file, without pages yet, and tells its name.
 * 2. All open it, agree, and the leader takes the name away: from here on the file goes
 *    with the last process that has it.
 * 3. Every rank allocates the pages of its own part, which then lie near its core, and
 *    maps the whole.  All agree once more.
 */
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
#include "base/rng.h"
#include "dist/comm/internal.h"

enum { NAME_BYTES = 64 };

static size_t whole_pages(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

/* Sets the sizes of the parts and of the file; false for none and for more than a file
 * has. */
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

/* Beyond the limit (ulimit -f) the system would end a process that has not ignored
 * SIGXFSZ. */
static bool exceeds_limit(size_t bytes)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
           limit.rlim_cur < bytes;
}

/* Open MPI's own messages lie in /dev/shm too, 4 MB a rank of which it writes at first
 * to a few pages only: those that it wants later must be there. */
static bool leaves_room(int file, size_t bytes, int ranks)
{
    const uint64_t mpi_bytes = (uint64_t)ranks << 22;
    struct statvfs system;
    return fstatvfs(file, &system) != 0 || system.f_blocks == 0 || /* no limit */
           (uint64_t)system.f_bavail * system.f_frsize >= bytes + mpi_bytes;
}

/* The file and its name; -1 where it cannot be made. */
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

/* This rank's pages and its view of all. */
static bool take_part(int file, int rank, sn_shared *shared)
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

/* The file on all ranks, without a name any more; *all is false where one has none. */
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
            sn_mpi_all(comm->node, take_part(file, comm->node_rank, shared), &all, err);
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
