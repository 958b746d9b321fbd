/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: metrics.h5. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "hdf5_checksum.h"
#include "store/metrics/rows.h"

/* Cuts a copy of the file as --resume does; the result must be a valid file. */
static void cut(const char *path, const uint8_t *data, size_t size)
{
    char copy[128], moved[160];
    snprintf(copy, sizeof copy, "%s.cut", path);
    snprintf(moved, sizeof moved, "%s.damaged", copy);
    FILE *file = fopen(copy, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        fuzz_never("cannot write %s", copy);
    }
    sn_error err = {""}, warning;
    size_t counts[SN_TABLES];
    if (sn_metrics_cut(copy, 3, &warning, &err) != SN_OK ||
        sn_metrics_verify(copy, counts, &err) != SN_OK) {
        fuzz_never("cut: %s", err.message);
    }
    (void)remove(copy);
    (void)remove(moved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > FUZZ_BYTES_MAX) {
        return 0;
    }
    sn_error err = {""};
    size_t counts[SN_TABLES], count;
    sn_epoch_row *rows;
    const char *path = fuzz_file(data, size);
    const int good =
        fuzz_accepts(sn_metrics_verify(path, counts, &err), SN_EDATA, &err);
    if (fuzz_accepts(sn_metrics_read_epochs(path, &rows, &count, &err), SN_EDATA,
                     &err)) {
        if (count * sizeof *rows > size || (good && count != counts[SN_TABLE_EPOCHS])) {
            fuzz_never("%zu epochs in %zu bytes", count, size);
        }
        free(rows);
    } else if (good) {
        fuzz_never("verify accepts, but read rejects: %s", err.message);
    }
    if (size % 4 ==
        0) { /* a cut takes ten times as long, so only some inputs are cut */
        cut(path, data, size);
    }
    return 0;
}

uint8_t *fuzz_seed(size_t number, size_t *size)
{
    enum { SEEDS = 2, ROWS = 5 };
    if (number >= SEEDS) {
        return NULL;
    }
    sn_epoch_row epochs[ROWS] = {{0}};
    sn_step_row steps[ROWS] = {{0}};
    sn_rank_row ranks[ROWS] = {{.host = "node1"}};
    for (int i = 0; i < ROWS; i++) {
        epochs[i].epoch = steps[i].step = epochs[i].step = ranks[i].step = i + 1;
    }
    const size_t rows = number == 0 ? 0 : ROWS;
    sn_error err = {""};
    const char *path = fuzz_seed_path();
    const sn_rows added = {
        {{epochs, rows, rows}, {steps, rows, rows}, {ranks, rows, rows}}};
    if (sn_metrics_append(path, &added, &err) != SN_OK) {
        fuzz_never("cannot make a seed: %s", err.message);
    }
    return fuzz_take_file(path, size);
}

void fuzz_repair(uint8_t *data, size_t size)
{
    hdf5_repair(data, size);
}
