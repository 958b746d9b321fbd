/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "nn/products/gemm_openblas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "base/numeric/real.h"

/* MiB of address space: LIBRARY holds the code and the tables of OpenBLAS and oneDNN,
 * THREAD holds a buffer and a stack. */
enum { LIBRARY = 128, THREAD = 144 };

/* edge of a product for which the library takes its buffers; smaller ones need none */
enum { EDGE = 128 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sn_openblas functions;
static void (*set_threads)(int threads);
/* the largest number of threads of the loaded library so far, 0 before */
static int loaded_threads;

/* Returns true if the limits of the process allow this much more address space. */
static bool has_space(size_t mebibytes)
{
    const size_t bytes = mebibytes << 20;
    void *space = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED) {
        return false;
    }
    munmap(space, bytes);
    return true;
}

/* Returns MiB; the thread that calls the library takes one more buffer. */
static size_t space_of(int threads)
{
    return LIBRARY + ((size_t)threads + 1) * THREAD;
}

sn_status sn_openblas_check_space(int threads, sn_error *err)
{
    const char *plural = threads == 1 ? "" : "s";
    const char *fewer = threads == 1 ? "" : " or lower the number of threads";
    return has_space(space_of(threads))
               ? SN_OK
               : sn_fail(err, SN_ENOMEM,
                         "memory is short (OpenBLAS, %d thread%s): it needs %zu MiB of "
                         "address space; raise the limit (ulimit -v)%s",
                         threads, plural, space_of(threads), fewer);
}

int sn_openblas_affordable(int threads)
{
    while (threads > 1 && !has_space(2 * space_of(threads))) {
        threads--;
    }
    return threads;
}

/* Opens the library, whose initialisation reads the number of threads from these
 * variables of the environment. */
static void *open_library(int threads)
{
    static const char *const names[] = {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"};
    enum { NAMES = sizeof names / sizeof names[0] };
    char *kept[NAMES];
    char number[16];
    snprintf(number, sizeof number, "%d", threads);
    for (size_t i = 0; i < NAMES; i++) {
        const char *value = getenv(names[i]);
        kept[i] = value == NULL ? NULL : strdup(value);
        (void)setenv(names[i], number, 1);
    }
    void *library = dlopen(SHARDNET_OPENBLAS_NAME, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) { /* a program that links the static library has no run path */
        library = dlopen(SHARDNET_OPENBLAS_FOLDER "/" SHARDNET_OPENBLAS_NAME, RTLD_NOW);
    }
    for (size_t i = 0; i < NAMES; i++) {
        if (kept[i] == NULL) {
            (void)unsetenv(names[i]);
        } else {
            (void)setenv(names[i], kept[i], 1);
        }
        free(kept[i]);
    }
    return library;
}

/* Returns false if the library lacks one of the functions. */
static bool find_functions(void *library)
{
#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)
    const struct {
        const char *name;
        void *function; /* address of a pointer to a function */
    } wanted[] = {{TEXT(SN_CBLAS_GEMM), &functions.gemm},
                  {"openblas_get_parallel", &functions.get_parallel},
                  {"openblas_get_config", &functions.get_config},
                  {"openblas_set_num_threads", &set_threads}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        void *const found = dlsym(library, wanted[i].name);
        if (found == NULL) {
            return false;
        }
        memcpy(wanted[i].function, &found, sizeof found);
    }
    return true;
}

/* Computes a product, for which the library allocates all its buffers. */
static bool multiply_once(void)
{
    sn_real *memory = sn_alloc((size_t)2 * EDGE * EDGE, sizeof *memory);
    if (memory == NULL) {
        return false;
    }
    functions.gemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, EDGE, EDGE, EDGE, 1,
                   memory, EDGE, memory, EDGE, 0, memory + (size_t)EDGE * EDGE, EDGE);
    free(memory);
    return true;
}

static sn_status load(int threads, sn_error *err)
{
    const sn_status status = sn_openblas_check_space(threads, err);
    if (status != SN_OK) {
        return status;
    }
    void *library = open_library(threads);
    if (library == NULL || !find_functions(library)) {
        const char *why = dlerror();
        return sn_fail(err, SN_EINTERNAL,
                       "OpenBLAS (%s): %s; install it as at the build",
                       SHARDNET_OPENBLAS_NAME, why == NULL ? "cannot be loaded" : why);
    }
    set_threads(threads);
    if (!multiply_once()) {
        return sn_fail(err, SN_ENOMEM, "OpenBLAS: out of memory");
    }
    loaded_threads = threads;
    return SN_OK;
}

sn_status sn_openblas_load(int threads, sn_error *err)
{
    pthread_mutex_lock(&lock);
    const sn_status status = loaded_threads > 0 ? SN_OK : load(threads, err);
    pthread_mutex_unlock(&lock);
    return status;
}

void sn_openblas_set_threads(int threads)
{
    pthread_mutex_lock(&lock);
    const int added = threads - loaded_threads;
    if (loaded_threads > 0 && (added <= 0 || has_space((size_t)added * THREAD))) {
        set_threads(threads);
        loaded_threads = added > 0 ? threads : loaded_threads;
    }
    pthread_mutex_unlock(&lock);
}

const sn_openblas *sn_openblas_functions(void)
{
    return loaded_threads > 0 ? &functions : NULL;
}
