/* Opening: nothing in the file is believed before it is checked, and nothing is
 * allocated that the file's own size does not justify. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/checkpoint/checkpoint.h"
#include "store/checkpoint/layout.h"

static sn_status damaged(const sn_checkpoint *checkpoint, const char *group,
                         const char *name, const sn_h5_why *why, sn_error *err)
{
    const char *slash = strcmp(group, "/") == 0 || *name == '\0' ? "" : "/";
    return sn_fail(err, SN_EDATA, "checkpoint damaged (%s): %s%s%s: %s",
                   checkpoint->path, group, slash, name, why->text);
}

sn_status sn_tensor_damaged(const sn_checkpoint *checkpoint, int64_t layer, int kind,
                            const sn_h5_why *why, sn_error *err)
{
    char name[SN_TENSOR_NAME_BYTES];
    sn_tensor_name(name, layer, kind);
    return damaged(checkpoint, name, "", why, err);
}

static bool take_text(char *destination, size_t bytes, char *text, sn_h5_why *why)
{
    size_t length = strlen(text);
    bool fits = length < bytes;
    if (fits) {
        memcpy(destination, text, length + 1);
    }
    free(text);
    return fits || sn_h5_because(why, "text longer than %zu bytes", bytes - 1);
}

static bool read_field(hid_t group, const sn_field *field, sn_checkpoint_info *info,
                       sn_h5_why *why)
{
    void *value = sn_field_at(field, info);
    char *text;
    switch (field->kind) {
    case SN_FIELD_VERSION:
        return sn_h5_read_number(group, field->name, SN_H5_INT64, value, why) &&
               (info->format_version == SN_CHECKPOINT_FORMAT_VERSION ||
                sn_h5_because(why, "%" PRId64 ", but this program reads version %d",
                              info->format_version, SN_CHECKPOINT_FORMAT_VERSION));
    case SN_FIELD_COUNT:
        return sn_h5_read_number(group, field->name, SN_H5_INT64, value, why);
    case SN_FIELD_WORD:
        return sn_h5_read_number(group, field->name, SN_H5_UINT64, value, why);
    case SN_FIELD_REAL:
        return sn_h5_read_number(group, field->name, SN_H5_DOUBLE, value, why);
    case SN_FIELD_TEXT:
        return sn_h5_read_text(group, field->name, &text, why) &&
               take_text(value, field->bytes, text, why);
    case SN_FIELD_CONFIG:
        break;
    }
    return sn_h5_read_text(group, field->name, &info->config_text, why);
}

static sn_status check_format(const sn_checkpoint *checkpoint, sn_error *err)
{
    sn_h5_why why;
    char *format;
    bool known = sn_h5_read_text(checkpoint->file, "format", &format, &why);
    if (known && strcmp(format, SN_FORMAT_NAME_CHECKPOINT) != 0) {
        known = sn_h5_because(&why, "it names another format");
    }
    free(format);
    return known ? SN_OK
                 : sn_fail(err, SN_EDATA,
                           "not a shardnet checkpoint, or damaged (%s): attribute "
                           "format: %s",
                           checkpoint->path, why.text);
}

static bool read_digest(sn_checkpoint *checkpoint, sn_h5_why *why)
{
    char *text;
    sn_checkpoint_info *info = &checkpoint->info;
    if (!sn_h5_read_text(checkpoint->file, "digest", &text, why) ||
        !take_text(info->digest, sizeof info->digest, text, why)) {
        return false;
    }
    return strspn(info->digest, "0123456789abcdef") == SN_DIGEST_TEXT_BYTES - 1 ||
           sn_h5_because(why, "not a SHA-256 digest");
}

static sn_status read_info(sn_checkpoint *checkpoint, sn_error *err)
{
    sn_h5_why why;
    for (int i = 0; i < SN_CHECKPOINT_FIELDS; i++) {
        const sn_field *field = &sn_checkpoint_fields[i];
        bool root = strcmp(field->group, "/") == 0;
        hid_t group = H5I_INVALID_HID;
        bool done =
            (root ||
             sn_h5_open_group(checkpoint->file, field->group + 1, &group, &why)) &&
            read_field(root ? checkpoint->file : group, field, &checkpoint->info, &why);
        sn_h5_close(&group);
        if (!done && field->kind == SN_FIELD_VERSION) {
            return sn_fail(err, SN_EDATA,
                           "checkpoint of another format version (%s): %s",
                           checkpoint->path, why.text);
        }
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

/* GROUP must hold layer0 .. layerN-1 and nothing else. */
static sn_status check_layer_group(const sn_checkpoint *checkpoint, const char *name,
                                   sn_error *err)
{
    sn_h5_why why;
    hid_t group;
    H5G_info_t content;
    bool done = sn_h5_open_group(checkpoint->file, name + 1, &group, &why);
    if (done && H5Gget_info(group, &content) < 0) {
        done = sn_h5_explain(&why);
    }
    if (done && content.nlinks != (hsize_t)checkpoint->info.layers) {
        done = sn_h5_because(&why, "holds %" PRIu64 " objects for %" PRId64 " layers",
                             (uint64_t)content.nlinks, checkpoint->info.layers);
    }
    sn_h5_close(&group);
    return done ? SN_OK : damaged(checkpoint, name, "", &why, err);
}

bool sn_tensor_open(const sn_checkpoint *checkpoint, int64_t layer, int kind,
                    hid_t *dataset, hsize_t extents[2], sn_h5_why *why)
{
    const sn_tensor_kind *tensor = &sn_tensor_kinds[kind];
    char name[32];
    snprintf(name, sizeof name, "layer%" PRId64, layer);
    hid_t parent = H5I_INVALID_HID;
    hid_t group = H5I_INVALID_HID;
    *dataset = H5I_INVALID_HID;
    bool done =
        sn_h5_open_group(checkpoint->file, tensor->group + 1, &parent, why) &&
        sn_h5_open_group(parent, name, &group, why) &&
        sn_h5_open_dataset(group, tensor->leaf, dataset, why) &&
        sn_h5_check_shape(*dataset, H5T_IEEE_F32LE, tensor->rank, extents, why) &&
        sn_h5_check_storage(*dataset, tensor->rank, 0, extents, sizeof(float), true,
                            checkpoint->file_bytes, why);
    sn_h5_close(&group);
    sn_h5_close(&parent);
    if (!done) {
        sn_h5_close(dataset);
    }
    return done;
}

static sn_status check_tensor(const sn_checkpoint *checkpoint, int64_t index, int kind,
                              int64_t in, sn_error *err)
{
    sn_h5_why why;
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
        done = sn_h5_because(&why, "its size does not fit its neighbours");
    }
    return done ? SN_OK : sn_tensor_damaged(checkpoint, index, kind, &why, err);
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
    int64_t in = info->input;
    for (int64_t i = 0; i < info->layers; i++) {
        for (int kind = 0; status == SN_OK && kind < SN_TENSOR_KINDS; kind++) {
            status = check_tensor(checkpoint, i, kind, in, err);
        }
        in = checkpoint->shapes[i].out;
    }
    if (status == SN_OK && in != info->classes) {
        sn_h5_why why;
        sn_h5_because(&why, "%" PRId64 ", but the last layer has %" PRId64 " units",
                      info->classes, in);
        status = damaged(checkpoint, "/model", "classes", &why, err);
    }
    return status;
}

static sn_status copy_info(const sn_checkpoint *checkpoint, sn_checkpoint_info *info,
                           sn_error *err)
{
    *info = checkpoint->info;
    info->config_text = strdup(checkpoint->info.config_text);
    return info->config_text != NULL
               ? SN_OK
               : sn_fail(err, SN_ENOMEM, "out of memory for the configuration of (%s)",
                         checkpoint->path);
}

static sn_status open_checked(sn_checkpoint *checkpoint, sn_checkpoint_info *info,
                              sn_error *err)
{
    sn_h5_why why;
    if (!sn_h5_open(checkpoint->path, &checkpoint->file, &why) ||
        !sn_h5_file_bytes(checkpoint->file, &checkpoint->file_bytes, &why)) {
        return sn_fail(err, SN_EDATA, "not a readable HDF5 file (%s): %s",
                       checkpoint->path, why.text);
    }
    sn_status status = check_format(checkpoint, err);
    if (status == SN_OK) {
        status = read_info(checkpoint, err);
    }
    if (status == SN_OK) {
        status = read_shapes(checkpoint, err);
    }
    return status == SN_OK ? copy_info(checkpoint, info, err) : status;
}

sn_status sn_checkpoint_open(const char *path, sn_checkpoint **checkpoint,
                             sn_checkpoint_info *info, sn_error *err)
{
    sn_h5_begin();
    *checkpoint = NULL;
    memset(info, 0, sizeof *info);
    sn_status status = sn_h5_find(path, err);
    if (status != SN_OK) {
        return status;
    }
    sn_checkpoint *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory to open (%s)", path);
    }
    opened->file = H5I_INVALID_HID;
    int length = snprintf(opened->path, sizeof opened->path, "%s", path);
    status = length >= 0 && length < SN_PATH_BYTES
                 ? open_checked(opened, info, err)
                 : sn_fail(err, SN_ERANGE, "path too long (%s)", path);
    if (status == SN_OK) {
        *checkpoint = opened;
    } else {
        sn_checkpoint_close(&opened);
    }
    return status;
}

void sn_checkpoint_layer_shape(const sn_checkpoint *checkpoint, int64_t layer,
                               int64_t *in, int64_t *out)
{
    *in = checkpoint->shapes[layer].in;
    *out = checkpoint->shapes[layer].out;
}

void sn_checkpoint_close(sn_checkpoint **checkpoint)
{
    if (*checkpoint != NULL) {
        sn_h5_close(&(*checkpoint)->file);
        sn_checkpoint_info_clear(&(*checkpoint)->info);
        free((*checkpoint)->shapes);
        free(*checkpoint);
        *checkpoint = NULL;
    }
}

void sn_checkpoint_info_clear(sn_checkpoint_info *info)
{
    free(info->config_text);
    info->config_text = NULL;
}
