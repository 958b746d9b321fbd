/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/export/export.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/system/file.h"

static const sn_export_writer *const writers[] = {
    [SN_EXPORT_ONNX] = &sn_export_onnx,
    [SN_EXPORT_SAFETENSORS] = &sn_export_safetensors,
};

/* Writes "784-30-10", or the first widths and "..." if text is too short. */
static void describe(const sn_network *network, char *text, size_t bytes)
{
    size_t used = (size_t)snprintf(text, bytes, "%zu", network->input);
    for (size_t i = 0; i < network->layers; i++) {
        if (used + 32 > bytes) {
            snprintf(text + used, bytes - used, "-...");
            return;
        }
        used +=
            (size_t)snprintf(text + used, bytes - used, "-%zu", network->layer[i].out);
    }
}

void sn_export_properties(const sn_export *model, const char *prefix,
                          void (*visit)(FILE *out, const char *name, const char *value),
                          FILE *out)
{
    const sn_checkpoint_info *info = model->info;
    const sn_position *position = &info->position;
    enum { NUMBER_BYTES = 32 };
    const double numbers[] = {info->activation_scale_in, info->activation_scale_out,
                              info->input_scale, (double)sn_position_epoch(position),
                              (double)position->step};
    char text[sizeof numbers / sizeof *numbers][NUMBER_BYTES], widths[1024], name[64];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(text[i], sizeof text[i], "%.17g", numbers[i]);
    }
    describe(model->network, widths, sizeof widths);
    const char *const properties[][2] = {
        {"network", widths},
        {"activation", info->activation},
        {"activation_scale_in", text[0]},
        {"activation_scale_out", text[1]},
        {"input_scale", text[2]},
        {"epoch", text[3]},
        {"step", text[4]},
        {"input", "pixel byte times input_scale, row by row from the top left"},
        {"checkpoint_digest", info->digest}};
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, properties[i][0]);
        visit(out, name, properties[i][1]);
    }
}

void sn_export_floats(FILE *out, const float *values, size_t count)
{
    enum { BLOCK = 1024 };
    unsigned char bytes[4 * BLOCK];
    for (size_t first = 0; first < count; first += BLOCK) {
        const size_t length = count - first < BLOCK ? count - first : BLOCK;
        for (size_t i = 0; i < length; i++) {
            uint32_t bits;
            memcpy(&bits, &values[first + i], sizeof bits);
            for (size_t k = 0; k < 4; k++) {
                bytes[4 * i + k] = (unsigned char)(bits >> 8 * k);
            }
        }
        fwrite(bytes, 4, length, out);
    }
}

bool sn_export_patch(FILE *out, long position, const void *data, size_t count)
{
    return fseek(out, position, SEEK_SET) == 0 &&
           fwrite(data, 1, count, out) == count && fseek(out, 0, SEEK_END) == 0;
}

/* Writes to out and closes it; path names the file in the message. */
static sn_status write_file(const sn_export *members, size_t count,
                            const sn_export_writer *writer, FILE *out, const char *path,
                            sn_error *err)
{
    errno = 0;
    const bool failed = !writer->write(members, count, out) || ferror(out);
    const int reason = errno;
    if (fclose(out) != 0 || failed) {
        return sn_fail(err, SN_EIO, "cannot write (%s): %s", path,
                       strerror(failed ? reason : errno));
    }
    return SN_OK;
}

sn_status sn_export_write(const sn_export *members, size_t count,
                          sn_export_format format, const char *path, sn_error *err)
{
    const sn_export_writer *writer = writers[format];
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += (uint64_t)members[i].network->parameters * sizeof(float);
    }
    if (writer->most > 0 && bytes > writer->most) {
        return sn_fail(err, SN_ERANGE,
                       "cannot export (%s): %" PRIu64 " bytes of parameters, but this "
                       "format holds at most %" PRIu64 "; use safetensors",
                       path, bytes, writer->most);
    }
    char temporary[SN_PATH_BYTES];
    FILE *out;
    sn_status status = sn_file_begin(path, temporary, &out, err);
    if (status == SN_OK) {
        status = write_file(members, count, writer, out, temporary, err);
        status = sn_file_publish_or_remove(status, temporary, path, err);
    }
    return status;
}
