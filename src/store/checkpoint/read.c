/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens a checkpoint.  Every size in the file is checked against the size of the file
 * before memory is allocated for it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/checkpoint/checkpoint.h"
#include "store/checkpoint/layout.h"
#include "store/h5/format.h"

/* Returns true if HDF5 failed because memory is short. */
static bool memory_is_short(const sn_checkpoint *checkpoint, const sn_h5_reason *why)
{
    struct stat file;
    return why->status == SN_ENOMEM && stat(checkpoint->path, &file) == 0 &&
           sn_h5_memory_is_short((size_t)file.st_size);
}

/* Bytes that the file system cannot read count as damage too: an older checkpoint may
 * be readable. */
static sn_status damaged(const sn_checkpoint *checkpoint, const char *group,
                         const char *name, const sn_h5_reason *why, sn_error *err)
{
    if (memory_is_short(checkpoint, why)) {
        return sn_fail(err, SN_ENOMEM, "out of memory to read (%s)", checkpoint->path);
    }
    const char *slash = strcmp(group, "/") == 0 || *name == '\0' ? "" : "/";
    return sn_fail(err, SN_EDATA, "checkpoint damaged (%s): %s%s%s: %s",
                   checkpoint->path, group, slash, name, why->text);
}

sn_status sn_tensor_damaged(const sn_checkpoint *checkpoint, int64_t layer, int kind,
                            const sn_h5_reason *why, sn_error *err)
{
    char name[SN_TENSOR_NAME_BYTES];
    sn_tensor_name(name, layer, kind);
    return damaged(checkpoint, name, "", why, err);
}

static bool read_field(hid_t group, const sn_field *field, sn_checkpoint_info *info,
                       sn_h5_reason *why)
{
    char *value = (char *)info + field->offset;
    return sn_field_is_text(field)
               ? sn_h5_read_text(group, field->name, value, field->bytes, why)
               : sn_h5_read_number(group, field->name, (sn_h5_number)field->kind, value,
                                   why);
}

static sn_status check_format(sn_checkpoint *checkpoint, sn_error *err)
{
    sn_h5_reason why;
    char format[sizeof SN_FORMAT_NAME_CHECKPOINT];
    int64_t *version = &checkpoint->info.format_version;
    if (!sn_h5_read_text(checkpoint->file, "format", format, sizeof format, &why) ||
        (strcmp(format, SN_FORMAT_NAME_CHECKPOINT) != 0 &&
         !sn_h5_fail(&why, "it names another format"))) {
        return sn_fail(
            err, SN_EDATA,
            "not a shardnet checkpoint, or damaged (%s): attribute format: %s",
            checkpoint->path, why.text);
    }
    if (!sn_h5_read_number(checkpoint->file, "format_version", SN_H5_INT64, version,
                           &why) ||
        ((*version < 1 || *version > SN_CHECKPOINT_FORMAT_VERSION) &&
         !sn_h5_fail(&why, "%" PRId64 ", but this program reads versions 1 to %d",
                     *version, SN_CHECKPOINT_FORMAT_VERSION))) {
        return sn_fail(err, SN_EDATA, "checkpoint of another format version (%s): %s",
                       checkpoint->path, why.text);
    }
    return SN_OK;
}

static bool read_digest(sn_checkpoint *checkpoint, sn_h5_reason *why)
{
    char *digest = checkpoint->info.digest;
    return sn_h5_read_text(checkpoint->file, "digest", digest, SN_DIGEST_TEXT_BYTES,
                           why) &&
           (strspn(digest, "0123456789abcdef") == SN_DIGEST_TEXT_BYTES - 1 ||
            sn_h5_fail(why, "not a SHA-256 digest"));
}

static sn_status read_info(sn_checkpoint *checkpoint, sn_error *err)
{
    sn_h5_reason why;
    for (int i = 0; i < SN_CHECKPOINT_FIELDS; i++) {
        const sn_field *field = &sn_checkpoint_fields[i];
        hid_t group;
        const bool done = sn_h5_open_object(checkpoint->file, field->group, H5I_GROUP,
                                            &group, &why) &&
                          read_field(group, field, &checkpoint->info, &why);
        sn_h5_close(&group);
        if (!done) {
            return damaged(checkpoint, field->group, field->name, &why, err);
        }
    }
    if (!read_digest(checkpoint, &why)) {
        return damaged(checkpoint, "/", "digest", &why, err);
    }
    const sn_field *field;
    if (!sn_checkpoint_check_info(&checkpoint->info, &field, &why)) {
        return damaged(checkpoint, field->group, field->name, &why, err);
    }
    return SN_OK;
}

/* Checks that a group has as many objects as there are layers; check_tensor opens
 * layer0 .. layerN-1, so the group holds nothing else. */
static sn_status check_layer_group(const sn_checkpoint *checkpoint, const char *name,
                                   sn_error *err)
{
    sn_h5_reason why;
    hid_t group;
    H5G_info_t content;
    bool done = sn_h5_open_object(checkpoint->file, name, H5I_GROUP, &group, &why);
    if (done && H5Gget_info(group, &content) < 0) {
        done = sn_h5_fail_library(&why);
    }
    if (done && content.nlinks != (hsize_t)checkpoint->info.layers) {
        done = sn_h5_fail(&why, "holds %" PRIu64 " objects for %" PRId64 " layers",
                          (uint64_t)content.nlinks, checkpoint->info.layers);
    }
    sn_h5_close(&group);
    return done ? SN_OK : damaged(checkpoint, name, "", &why, err);
}

bool sn_tensor_open(const sn_checkpoint *checkpoint, int64_t layer, int kind,
                    hid_t *dataset, hsize_t extents[2], sn_h5_reason *why)
{
    const int rank = sn_tensor_kinds[kind].rank;
    char name[SN_TENSOR_NAME_BYTES];
    sn_tensor_name(name, layer, kind);
    const bool done =
        sn_h5_open_object(checkpoint->file, name, H5I_DATASET, dataset, why) &&
        sn_h5_check_shape(*dataset, H5T_IEEE_F32LE, rank, extents, why) &&
        sn_h5_check_storage(*dataset, 0, extents[0], true, why);
    if (!done) {
        sn_h5_close(dataset);
    }
    return done;
}

static sn_status check_tensor(const sn_checkpoint *checkpoint, int64_t index, int kind,
                              int64_t in, sn_error *err)
{
    sn_h5_reason why;
    hid_t dataset;
    hsize_t extents[2] = {0, 0};
    sn_layer_tensors *layer = &checkpoint->shapes[index];
    bool done = sn_tensor_open(checkpoint, index, kind, &dataset, extents, &why);
    sn_h5_close(&dataset);
    const int64_t out = (int64_t)extents[0];
    if (done && kind == 0) {
        layer->in = in;
        layer->out = out;
    }
    if (done && (out < 1 || out != layer->out ||
                 (sn_tensor_kinds[kind].rank == 2 && (int64_t)extents[1] != in))) {
        done = sn_h5_fail(&why, "its shape does not match the adjacent layers");
    }
    return done ? SN_OK : sn_tensor_damaged(checkpoint, index, kind, &why, err);
}

/* Finds the tensors that files of version 1 lack.  check_tensor finds damage. */
static void find_optional(sn_checkpoint *checkpoint)
{
    sn_h5_reason ignored;
    hid_t group = H5I_INVALID_HID;
    if (checkpoint->info.format_version > 1 &&
        sn_h5_open_object(checkpoint->file, "/optimizer/layer0", H5I_GROUP, &group,
                          &ignored)) {
        checkpoint->info.second_moments =
            H5Lexists(group, sn_tensor_kinds[SN_FIRST_SECOND_MOMENT].name,
                      H5P_DEFAULT) > 0;
        checkpoint->info.averaged =
            H5Lexists(group, sn_tensor_kinds[SN_FIRST_CURRENT].name, H5P_DEFAULT) > 0;
    }
    sn_h5_close(&group);
}

static sn_status read_shapes(sn_checkpoint *checkpoint, sn_error *err)
{
    const sn_checkpoint_info *info = &checkpoint->info;
    sn_status status = check_layer_group(checkpoint, "/model", err);
    if (status == SN_OK) {
        status = check_layer_group(checkpoint, "/optimizer", err);
    }
    if (status != SN_OK) {
        return status;
    }
    checkpoint->shapes = calloc((size_t)info->layers, sizeof *checkpoint->shapes);
    if (checkpoint->shapes == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory for the layers of (%s)",
                       checkpoint->path);
    }
    find_optional(checkpoint);
    int64_t in = info->input;
    for (int64_t i = 0; i < info->layers; i++) {
        for (int kind = 0; status == SN_OK && kind < SN_TENSOR_KINDS; kind++) {
            status = sn_checkpoint_has(info, kind)
                         ? check_tensor(checkpoint, i, kind, in, err)
                         : SN_OK;
        }
        in = checkpoint->shapes[i].out;
    }
    if (status == SN_OK && in != info->classes) {
        sn_h5_reason why;
        sn_h5_fail(&why, "%" PRId64 ", but the last layer has %" PRId64 " units",
                   info->classes, in);
        status = damaged(checkpoint, "/model", "classes", &why, err);
    }
    return status;
}

static sn_status open_checked(sn_checkpoint *checkpoint, sn_error *err)
{
    sn_h5_reason why;
    if (!sn_h5_open(checkpoint->path, &checkpoint->file, &why)) {
        return memory_is_short(checkpoint, &why)
                   ? sn_fail(err, SN_ENOMEM, "out of memory to read (%s)",
                             checkpoint->path)
                   : sn_fail(err, SN_EDATA, "not a readable HDF5 file (%s): %s",
                             checkpoint->path, why.text);
    }
    sn_status status = check_format(checkpoint, err);
    if (status == SN_OK) {
        status = read_info(checkpoint, err);
    }
    if (status == SN_OK) {
        status = read_shapes(checkpoint, err);
    }
    return status;
}

sn_status sn_checkpoint_open(const char *path, sn_checkpoint **checkpoint,
                             sn_checkpoint_info *info, sn_error *err)
{
    sn_h5_silence();
    *checkpoint = NULL;
    memset(info, 0, sizeof *info);
    sn_status status = sn_h5_check_file(path, err);
    if (status != SN_OK) {
        return status;
    }
    sn_checkpoint *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory to open (%s)", path);
    }
    opened->file = H5I_INVALID_HID;
    snprintf(opened->path, sizeof opened->path, "%s", path);
    status = open_checked(opened, err);
    if (status == SN_OK) {
        *checkpoint = opened;
        *info = opened->info;
    } else {
        info->format_version = opened->info.format_version;
        sn_checkpoint_close(&opened);
    }
    return status;
}

bool sn_checkpoint_is_damaged(sn_status status, const sn_checkpoint_info *info)
{
    return status == SN_EDATA && info->format_version <= SN_CHECKPOINT_FORMAT_VERSION;
}

const sn_layer_tensors *sn_checkpoint_shapes(const sn_checkpoint *checkpoint)
{
    return checkpoint->shapes;
}

void sn_checkpoint_close(sn_checkpoint **checkpoint)
{
    if (*checkpoint != NULL) {
        sn_h5_close(&(*checkpoint)->file);
        free((*checkpoint)->shapes);
        free(*checkpoint);
        *checkpoint = NULL;
    }
}
