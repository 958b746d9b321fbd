/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: CSV tables and NPZ archives, unchanged and with corrected checksums. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/source/source.h"
#include "make_npz.h"

/* the limit of deflate, and an allowance for small files */
enum { RATIO_MAX = 1032, SLACK_BYTES = 2048, INPUT_BYTES_MAX = 1 << 14 };

static void try(const sn_source_form *form, const uint8_t *data, size_t size)
{
    sn_source source = {.has_test = true};
    sn_samples samples = {0};
    sn_error err = {""};
    snprintf(source.file[0], sizeof source.file[0], "%s", fuzz_file(data, size));
    const sn_status status = form->read(&source, false, &samples, &err);
    /* a build without libzip refuses all archives */
    if (status != SN_ENOINPUT && fuzz_accepts(status, SN_EDATA, &err)) {
        if (samples.count > samples.room ||
            samples.count * samples.rows * samples.cols >
                RATIO_MAX * size + SLACK_BYTES) {
            fuzz_never("%zu samples of %zu x %zu from a file of %zu", samples.count,
                       samples.rows, samples.cols, size);
        }
    }
    sn_samples_clear(&samples);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    const bool archive = size > 1 && data[0] == 'P';
    try(archive ? &sn_source_npz : &sn_source_csv, data, size);
    uint8_t *repaired = malloc(size > 0 ? size : 1);
    if (repaired == NULL) {
        fuzz_never("no memory");
    }
    memcpy(repaired, data, size);
    make_npz_repair(repaired, size);
    if (archive && memcmp(repaired, data, size) != 0) {
        try(&sn_source_npz, repaired, size);
    }
    free(repaired);
    return 0;
}

static const char *const tables[] = {
    "label,p0,p1,p2,p3\n7,1,2,3,255\n0,0,10,0,9\n",
    "\xef\xbb\xbf\"label\",\"p0\"\r\n\"3\",\"200\"\r\n1,0\r\n"};

#define HEADER(kind, shape)                                                            \
    "{'descr': '" kind "', 'fortran_order': False, 'shape': (" shape "), }\n"

static const npz_array archives[][MAKE_NPZ_ARRAYS] = {
    {{"x_train.npy", HEADER("|u1", "2, 2, 3"), "abcdefghijkl", 12},
     {"y_train.npy", HEADER("|u1", "2,"), "\1", 2},
     {"x_test.npy", HEADER("|u1", "1, 2, 3"), "uvwxyz", 6},
     {"y_test.npy", HEADER("|u1", "1,"), "\4", 1}},
    {{"x_train.npy", HEADER("|u1", "1, 1, 4"), "abcd", 4},
     {"y_train.npy", HEADER("<i8", "1,"), "\5\0\0\0\0\0\0", 8},
     {"x_test.npy", HEADER("|u1", "1, 1, 4"), "wxyz", 4},
     {"y_test.npy", HEADER("<i4", "1,"), "\4\0\0", 4}}};

uint8_t *fuzz_seed(size_t number, size_t *size)
{
    enum {
        TABLES = sizeof tables / sizeof tables[0],
        ARCHIVES = sizeof archives / sizeof archives[0]
    };
    if (number >= TABLES + ARCHIVES) {
        return NULL;
    }
    uint8_t *seed = malloc(INPUT_BYTES_MAX);
    if (seed == NULL) {
        fuzz_never("no memory");
    }
    if (number < TABLES) {
        *size = strlen(tables[number]);
        memcpy(seed, tables[number], *size);
    } else {
        *size = make_npz(archives[number - TABLES], seed, INPUT_BYTES_MAX);
    }
    return seed;
}

void fuzz_repair(uint8_t *data, size_t size)
{
    make_npz_repair(data, size);
}
