/* Reading back: is in the file what it was written from? */
#include <inttypes.h>
#include <string.h>

#include "store/checkpoint/layout.h"

static sn_status other(const char *path, const char *group, const char *name,
                       sn_error *err)
{
    const char *slash = strcmp(group, "/") == 0 || *name == '\0' ? "" : "/";
    return sn_fail(err, SN_EDATA, "checkpoint (%s): %s%s%s is not what was written",
                   path, group, slash, name);
}

static sn_status compare_info(const char *path, const sn_checkpoint_info *found,
                              const sn_checkpoint_info *written, sn_error *err)
{
    for (int i = 0; i < SN_CHECKPOINT_FIELDS; i++) {
        const sn_field *field = &sn_checkpoint_fields[i];
        if (sn_field_differs(field, found, written)) {
            return other(path, field->group, field->name, err);
        }
    }
    return strcmp(found->digest, written->digest) == 0
               ? SN_OK
               : other(path, "/", "digest", err);
}

static sn_status compare_shapes(const char *path, const sn_checkpoint *checkpoint,
                                const sn_layer_tensors *tensors, int64_t layers,
                                sn_error *err)
{
    for (int64_t i = 0; i < layers; i++) {
        int64_t in, out;
        sn_checkpoint_layer_shape(checkpoint, i, &in, &out);
        if (in != tensors[i].in || out != tensors[i].out) {
            char name[SN_TENSOR_NAME_BYTES];
            sn_tensor_name(name, i, 0);
            return other(path, name, "", err);
        }
    }
    return SN_OK;
}

static sn_status compare_tensors(const sn_checkpoint *checkpoint,
                                 const sn_layer_tensors *tensors, int64_t layers,
                                 sn_error *err)
{
    sn_status status = SN_OK;
    for (int64_t i = 0; i < layers; i++) {
        for (int kind = 0; kind < SN_TENSOR_KINDS && status == SN_OK; kind++) {
            status =
                sn_checkpoint_compare_tensor(checkpoint, i, &tensors[i], kind, err);
        }
    }
    return status;
}

sn_status sn_checkpoint_read_back(const char *path, const sn_checkpoint_info *info,
                                  const sn_layer_tensors *tensors, sn_error *err)
{
    sn_checkpoint *checkpoint;
    sn_checkpoint_info found;
    sn_status status = sn_checkpoint_open(path, &checkpoint, &found, err);
    if (status == SN_OK) {
        status = compare_info(path, &found, info, err);
    }
    if (status == SN_OK) {
        status = compare_shapes(path, checkpoint, tensors, info->layers, err);
    }
    if (status == SN_OK) {
        status = compare_tensors(checkpoint, tensors, info->layers, err);
    }
    sn_checkpoint_close(&checkpoint);
    sn_checkpoint_info_clear(&found);
    return status;
}
