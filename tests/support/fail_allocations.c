/* SPDX-License-Identifier: BSD-3-Clause */
/* A library to preload: allocations of the program's own code fail, on one rank.
 *
 *     FAIL_RANK  the rank of Open MPI; a process without mpirun is rank 0
 *     FAIL_AT    number of the allocation, from 1
 *     FAIL_KIND  once: this allocation fails; on: this one and all later ones fail
 *     FAIL_LOG   a file that gets the number of allocations when the process ends
 *
 * Counted are malloc, calloc, realloc and aligned_alloc, called by the executable.
 * Allocations inside the C library, MPI, BLAS and HDF5 never fail. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static uintptr_t begin_of_code, end_of_code;
static atomic_long count;
static long first, last;

/* Reads the addresses of the executable, which is the first entry. */
static int read_addresses(struct dl_phdr_info *info, size_t bytes, void *unused)
{
    (void)bytes, (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) != 0) {
            begin_of_code = info->dlpi_addr + segment->p_vaddr;
            end_of_code = begin_of_code + segment->p_memsz;
        }
    }
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *wanted = getenv("FAIL_RANK");
    const char *number = getenv("FAIL_AT"), *kind = getenv("FAIL_KIND");
    if (wanted != NULL && strcmp(wanted, rank != NULL ? rank : "0") == 0) {
        (void)dl_iterate_phdr(read_addresses, NULL);
        first = number != NULL ? strtol(number, NULL, 10) : 0;
        last = kind != NULL && strcmp(kind, "on") == 0 ? LONG_MAX : first;
    }
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAIL_LOG");
    FILE *log = path != NULL && end_of_code != 0 ? fopen(path, "w") : NULL;
    if (log != NULL) {
        (void)fprintf(log, "%ld\n", atomic_load(&count));
        (void)fclose(log);
    }
}

/* Counts an allocation of the executable; returns true, with errno set, if it must
 * fail. */
static bool fails(const void *caller)
{
    const uintptr_t address = (uintptr_t)caller;
    if (address < begin_of_code || address >= end_of_code) {
        return false;
    }
    const long number = atomic_fetch_add(&count, 1) + 1;
    const bool failed = first > 0 && number >= first && number <= last;
    errno = failed ? ENOMEM : errno;
    return failed;
}

#define FAILS fails(__builtin_return_address(0))

void *malloc(size_t bytes)
{
    return FAILS ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t number, size_t bytes)
{
    return FAILS ? NULL : __libc_calloc(number, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    return FAILS ? NULL : __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return FAILS ? NULL : __libc_memalign(alignment, bytes);
}
