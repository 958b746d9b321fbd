/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/moved.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "eval/loader.h"

/* Checks that spec has the training set of the checkpoint. */
static sn_status compare(const sn_checkpoint_info *info, const sn_dataset_spec *spec,
                         sn_error *err)
{
    sn_dataset_shape shape;
    sn_dataset data = {.rows = 0};
    uint8_t *storage;
    sn_status status = sn_loader_read(spec, NULL, &shape, &storage, &data, err);
    if (status == SN_OK && ((int64_t)data.train.count != info->train_count ||
                            strcmp(data.train_digest, info->train_digest) != 0)) {
        status = sn_fail(err, SN_ECONFIG,
                         "it has %zu other training samples, digest %.12s...; the run "
                         "has %" PRId64 ", digest %.12s...",
                         data.train.count, data.train_digest, info->train_count,
                         info->train_digest);
    }
    free(storage);
    return status;
}

sn_status sn_moved_find(const sn_checkpoint_info *info, sn_dataset_spec *spec,
                        sn_error *notice, sn_error *err)
{
    sn_dataset_shape shape;
    sn_error why;
    if (sn_dataset_probe(spec, &shape, &why) != SN_ENOINPUT) {
        return SN_OK; /* other failures are reported when the data are loaded */
    }
    const char *dir = getenv("SHARDNET_DATA");
    if (dir == NULL || dir[0] == '\0' || strcmp(dir, spec->dir) == 0) {
        return sn_fail(err, SN_ENOINPUT,
                       "no data of the run (%s): moved or removed; give their folder "
                       "with --data DIR or in SHARDNET_DATA; to train, with --set "
                       "data.dir=DIR",
                       spec->dir);
    }
    sn_dataset_spec other = *spec;
    sn_status status = sn_path_format(other.dir, &why, "%s", dir);
    if (status == SN_OK) {
        status = compare(info, &other, &why);
    }
    if (status != SN_OK) {
        return sn_fail(
            err, SN_ENOINPUT,
            "no data of the run (%s): moved or removed, and SHARDNET_DATA "
            "(%s) cannot replace them: %s; give their folder with --data DIR",
            spec->dir, dir, why.message);
    }
    (void)sn_fail(
        notice, SN_OK,
        "data (%s): moved or removed; using SHARDNET_DATA (%s), which has the "
        "same training samples",
        spec->dir, dir);
    *spec = other;
    return SN_OK;
}
