/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes a checkpoint: check, digest, build the file in memory, write path.tmp, read it
 * back, rename it. */
#include "store/checkpoint/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/system/clock.h"
#include "store/checkpoint/layout.h"
#include "store/h5/format.h"
#include "store/metrics/pending.h"

static sn_status fault(const char *point, const sn_checkpoint_info *info, sn_error *err)
{
    return sn_fault_check(point, 0, info->position.step, err) == SN_OK ? SN_OK : SN_EIO;
}

static sn_status check_layer(const char *path, const sn_checkpoint_info *info,
                             int64_t index, const sn_layer_tensors *layer, int64_t in,
                             sn_error *err)
{
    if (layer->in != in || layer->in < 1 || layer->out < 1 ||
        layer->in > INT64_MAX / 16 / layer->out) {
        return sn_fail(err, SN_EINTERNAL,
                       "checkpoint (%s): layer %" PRId64 " is %" PRId64 " x %" PRId64
                       " after %" PRId64 " units",
                       path, index, layer->out, layer->in, in);
    }
    for (int kind = 0; kind < SN_TENSOR_KINDS; kind++) {
        const float *values = sn_layer_tensor(layer, kind);
        if (!sn_checkpoint_has(info, kind)) {
            continue;
        }
        char name[SN_TENSOR_NAME_BYTES];
        sn_tensor_name(name, index, kind);
        if (values == NULL) {
            return sn_fail(err, SN_EINTERNAL, "checkpoint (%s): no %s", path, name);
        }
        if (!sn_tensor_finite(values, sn_tensor_count(layer, kind))) {
            return sn_fail(
                err, SN_EDIVERGED,
                "training diverged (%s): %s holds values that are not finite; "
                "checkpoint not written; lower the learning rate",
                path, name);
        }
    }
    return SN_OK;
}

static sn_status check_all(const char *path, const sn_checkpoint_info *info,
                           const sn_layer_tensors *tensors, sn_error *err)
{
    const sn_field *field;
    sn_h5_reason why;
    if (!sn_checkpoint_check_info(info, &field, &why)) {
        sn_status status = field->kind == SN_FIELD_REAL ? SN_EDIVERGED : SN_EINTERNAL;
        return sn_fail(err, status, "checkpoint refused (%s): %s of %s: %s", path,
                       field->name, field->group, why.text);
    }
    int64_t in = info->input;
    for (int64_t i = 0; i < info->layers; i++) {
        sn_status status = check_layer(path, info, i, &tensors[i], in, err);
        if (status != SN_OK) {
            return status;
        }
        in = tensors[i].out;
    }
    if (in != info->classes) {
        return sn_fail(err, SN_EINTERNAL,
                       "checkpoint (%s): %" PRId64 " outputs, not %" PRId64, path, in,
                       info->classes);
    }
    return SN_OK;
}

static sn_status compute_digest(sn_checkpoint_info *info,
                                const sn_layer_tensors *tensors, sn_error *err)
{
    sn_digest *digest = sn_digest_create();
    sn_checkpoint_digest_info(digest, info);
    for (int64_t i = 0; i < info->layers; i++) {
        for (int kind = 0; kind < SN_TENSOR_KINDS; kind++) {
            if (sn_checkpoint_has(info, kind)) {
                sn_checkpoint_digest_tensor(digest, i, kind,
                                            sn_layer_tensor(&tensors[i], kind),
                                            sn_tensor_count(&tensors[i], kind));
            }
        }
    }
    return sn_digest_finish(&digest, info->digest, err);
}

static bool write_field(hid_t group, const sn_field *field,
                        const sn_checkpoint_info *info, sn_h5_reason *why)
{
    const void *value = sn_field_value(field, info);
    return sn_field_is_text(field)
               ? sn_h5_write_text(group, field->name, value, why)
               : sn_h5_write_number(group, field->name, (sn_h5_number)field->kind,
                                    value, why);
}

/* Opens a group, or creates it if it does not exist. */
static bool enter_group(hid_t file, const char *name, hid_t *group, sn_h5_reason *why)
{
    if (strcmp(name, "/") == 0 || H5Lexists(file, name, H5P_DEFAULT) > 0) {
        *group = H5Gopen2(file, name, H5P_DEFAULT);
        return *group >= 0 || sn_h5_fail_library(why);
    }
    return sn_h5_create_group(file, name, group, why);
}

static bool write_info(hid_t file, const sn_checkpoint_info *info, sn_h5_reason *why)
{
    bool done = sn_h5_write_text(file, "format", SN_FORMAT_NAME_CHECKPOINT, why) &&
                sn_h5_write_text(file, "digest", info->digest, why);
    for (int i = 0; done && i < SN_CHECKPOINT_FIELDS; i++) {
        hid_t group;
        done = enter_group(file, sn_checkpoint_fields[i].group, &group, why) &&
               write_field(group, &sn_checkpoint_fields[i], info, why);
        sn_h5_close(&group);
    }
    hid_t progress = H5I_INVALID_HID;
    done = done && enter_group(file, "/progress", &progress, why) &&
           sn_h5_write_text(progress, "units",
                            "epoch, best_epoch: finished epochs; step, step_in_epoch: "
                            "finished updates; best_error: fraction of the validation "
                            "set; train_seconds: s",
                            why);
    sn_h5_close(&progress);
    return done;
}

static bool set_chunks(hid_t creation, int rank, const hsize_t chunk[])
{
    return H5Pset_chunk(creation, rank, chunk) >= 0 &&
           H5Pset_fletcher32(creation) >= 0 &&
           H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER) >= 0;
}

static bool write_tensor(hid_t group, const sn_layer_tensors *layer, int kind,
                         sn_h5_reason *why)
{
    const sn_tensor_kind *tensor = &sn_tensor_kinds[kind];
    hsize_t extents[2], chunk[2];
    sn_tensor_chunks(layer, kind, extents, chunk);
    hid_t space = H5Screate_simple(tensor->rank, extents, NULL);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hid_t dataset = H5I_INVALID_HID;
    bool done = space >= 0 && creation >= 0 &&
                set_chunks(creation, tensor->rank, chunk) &&
                (dataset = H5Dcreate2(group, tensor->name, H5T_IEEE_F32LE, space,
                                      H5P_DEFAULT, creation, H5P_DEFAULT)) >= 0 &&
                H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                         sn_layer_tensor(layer, kind)) >= 0;
    if (!done) {
        sn_h5_fail_library(why);
    }
    done = done && sn_h5_write_text(dataset, "meaning", tensor->meaning, why) &&
           sn_h5_write_text(dataset, "dimensions",
                            tensor->rank == 2 ? "out, in" : "out", why) &&
           sn_h5_write_text(dataset, "unit", "1", why);
    if (dataset >= 0 && H5Dclose(dataset) < 0 && done) {
        done = sn_h5_fail_library(why);
    }
    sn_h5_close(&creation);
    sn_h5_close(&space);
    return done;
}

static bool write_tensors(hid_t file, const sn_checkpoint_info *info,
                          const sn_layer_tensors *tensors, sn_h5_reason *why)
{
    bool done = true;
    for (int64_t i = 0; i < info->layers; i++) {
        for (int kind = 0; done && kind < SN_TENSOR_KINDS; kind++) {
            if (!sn_checkpoint_has(info, kind)) {
                continue;
            }
            char name[SN_TENSOR_NAME_BYTES];
            sn_tensor_name(name, i, kind);
            *strrchr(name, '/') = '\0';
            hid_t parent = H5I_INVALID_HID;
            hid_t group = H5I_INVALID_HID;
            done = enter_group(file, sn_tensor_kinds[kind].group, &parent, why) &&
                   enter_group(file, name, &group, why) &&
                   write_tensor(group, &tensors[i], kind, why);
            sn_h5_close(&group);
            sn_h5_close(&parent);
        }
    }
    return done;
}

/* Returns the bytes of a tensor in the file, without its attributes. */
static size_t tensor_bytes(const sn_layer_tensors *layer, int kind)
{
    enum { CHECKSUM_BYTES = 4, INDEX_BYTES = 128 }; /* per chunk; index: upper bound */
    const int rank = sn_tensor_kinds[kind].rank;
    hsize_t extents[2], chunk[2];
    sn_tensor_chunks(layer, kind, extents, chunk);
    hsize_t chunks = 1, elements = 1;
    for (int i = 0; i < rank; i++) {
        chunks *= (extents[i] + chunk[i] - 1) / chunk[i];
        elements *= chunk[i];
    }
    return (size_t)(chunks * (elements * sizeof(float) + CHECKSUM_BYTES + INDEX_BYTES));
}

size_t sn_checkpoint_bytes(const sn_checkpoint_info *info,
                           const sn_layer_tensors *tensors)
{
    enum { LAYER_BYTES = 10 * 1024, FILE_BYTES = 6 * 1024 }; /* measured */
    size_t bytes = FILE_BYTES + (size_t)info->layers * LAYER_BYTES;
    for (int64_t i = 0; i < info->layers; i++) {
        for (int kind = 0; kind < SN_TENSOR_KINDS; kind++) {
            bytes +=
                sn_checkpoint_has(info, kind) ? tensor_bytes(&tensors[i], kind) : 0;
        }
    }
    return bytes;
}

static sn_status save(const char *temporary, const sn_checkpoint_info *info,
                      const sn_layer_tensors *tensors, const sn_rows *pending,
                      sn_error *err)
{
    enum { EXTRA_BYTES = 128 * 1024, EXTRA_LAYER_BYTES = 6 * 1024 };
    sn_h5_reason why;
    hid_t file;
    /* This is at least the size of the file, so that its memory need not grow. */
    const size_t bytes = sn_checkpoint_bytes(info, tensors) +
                         sn_pending_bytes(pending) + EXTRA_BYTES +
                         (size_t)info->layers * EXTRA_LAYER_BYTES;
    sn_status status = sn_h5_image_check_room(temporary, bytes, err);
    if (status != SN_OK) {
        return status;
    }
    const bool built = sn_h5_image_open(NULL, bytes, &file, &why) &&
                       write_info(file, info, &why) &&
                       write_tensors(file, info, tensors, &why) &&
                       sn_pending_write(file, pending, info->position.step, &why);
    status = built ? sn_h5_image_save(file, temporary, err)
                   : sn_fail(err, SN_ENOMEM, "cannot build in memory (%s): %s",
                             temporary, why.text);
    sn_h5_close(&file);
    return status;
}

/* Tests only: changes one byte of the written file, inside a tensor if the file is
 * large enough. */
static void damage(const char *path, const sn_checkpoint_info *info)
{
    FILE *file =
        fault("checkpoint.damage", info, NULL) != SN_OK ? fopen(path, "r+b") : NULL;
    if (file == NULL) {
        return;
    }
    if (fseek(file, 0, SEEK_END) == 0 && fseek(file, ftell(file) / 4, SEEK_SET) == 0) {
        const int byte = fgetc(file);
        if (fseek(file, -1, SEEK_CUR) == 0) {
            (void)fputc(byte ^ 1, file);
        }
    }
    (void)fclose(file);
}

/* Tests only: replaces the written file by a valid checkpoint with other content. */
static sn_status replace_by_other(const char *temporary, const sn_checkpoint_info *info,
                                  const sn_layer_tensors *tensors,
                                  const sn_rows *pending, sn_error *err)
{
    if (fault("checkpoint.other", info, NULL) == SN_OK) {
        return SN_OK;
    }
    sn_checkpoint_info another = *info;
    another.position.train_seconds += 1;
    const sn_status status = compute_digest(&another, tensors, err);
    return status == SN_OK ? save(temporary, &another, tensors, pending, err) : status;
}

static sn_status read_back(const char *path, const sn_checkpoint_info *info,
                           const sn_layer_tensors *tensors, sn_error *err)
{
    sn_error why = {""};
    return sn_checkpoint_read_back(path, info, tensors, &why) == SN_OK
               ? SN_OK
               : sn_fail(err, SN_EIO, "cannot read back the checkpoint: %s",
                         why.message);
}

sn_status sn_checkpoint_write(const char *path, const sn_checkpoint_info *info,
                              const sn_layer_tensors *tensors, const sn_rows *pending,
                              sn_error *err)
{
    static const sn_rows none = {{{NULL, 0, 0}}};
    sn_h5_silence();
    pending = pending != NULL ? pending : &none;
    char temporary[SN_PATH_BYTES];
    sn_status status = sn_path_temporary(temporary, path, err);
    if (status != SN_OK) {
        return status;
    }
    sn_checkpoint_info filled = *info;
    filled.format_version =
        info->second_moments || info->averaged ? SN_CHECKPOINT_FORMAT_VERSION : 1;
    sn_clock_utc_text(filled.created_utc);

    status = check_all(path, &filled, tensors, err);
    if (status == SN_OK) {
        status = compute_digest(&filled, tensors, err);
    }
    if (status == SN_OK) {
        status = fault("checkpoint.create", info, err);
    }
    if (status != SN_OK) {
        return status;
    }
    status = save(temporary, &filled, tensors, pending, err);
    if (status == SN_OK) {
        status = fault("checkpoint.write", info, err);
    }
    if (status == SN_OK) {
        damage(temporary, info);
        status = replace_by_other(temporary, &filled, tensors, pending, err);
    }
    if (status == SN_OK) {
        status = read_back(temporary, &filled, tensors, err);
    }
    if (status == SN_OK) {
        status = fault("checkpoint.publish", info, err);
    }
    return sn_file_publish_or_remove(status, temporary, path, err);
}
