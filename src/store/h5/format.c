/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/h5/format.h"

#include <stdio.h>
#include <string.h>

#include "store/h5/h5.h"
#include "store/paths.h"

/* The first bytes of every HDF5 file that this program writes. */
static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

static sn_format format_by_bytes(const char *path)
{
    unsigned char first[sizeof signature];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return SN_FORMAT_FOREIGN;
    }
    const size_t got = fread(first, 1, sizeof first, file);
    const bool failed = ferror(file) != 0;
    (void)fclose(file);
    return !failed && memcmp(first, signature, got) == 0 ? SN_FORMAT_UNREADABLE
                                                         : SN_FORMAT_FOREIGN;
}

sn_format sn_format_of(const char *path)
{
    sn_h5_silence();
    sn_h5_reason why;
    hid_t file;
    if (!sn_h5_open(path, &file, &why)) {
        return format_by_bytes(path);
    }
    char name[64];
    sn_format format = SN_FORMAT_UNREADABLE;
    if (H5Aexists(file, "format") == 0) {
        format = SN_FORMAT_OTHER_HDF5;
    } else if (sn_h5_read_text(file, "format", name, sizeof name, &why)) {
        format = strcmp(name, SN_FORMAT_NAME_METRICS) == 0      ? SN_FORMAT_METRICS
                 : strcmp(name, SN_FORMAT_NAME_CHECKPOINT) == 0 ? SN_FORMAT_CHECKPOINT
                                                                : SN_FORMAT_OTHER_HDF5;
    }
    sn_h5_close(&file);
    return format;
}

sn_status sn_format_expect_metrics(const char *path, sn_error *err)
{
    static const char *const found[] = {
        [SN_FORMAT_CHECKPOINT] = "a checkpoint; use `shardnet inspect`",
        [SN_FORMAT_OTHER_HDF5] = "an HDF5 file of another program",
        [SN_FORMAT_FOREIGN] = "not an HDF5 file"};
    sn_status status = sn_h5_check_file(path, err);
    if (status != SN_OK) {
        return status;
    }
    const sn_format format = sn_format_of(path);
    return format == SN_FORMAT_METRICS || format == SN_FORMAT_UNREADABLE
               ? SN_OK
               : sn_fail(err, SN_EDATA,
                         "not a metrics file (%s): it is %s; give a run folder or "
                         "its " SN_METRICS_FILE,
                         path, found[format]);
}
