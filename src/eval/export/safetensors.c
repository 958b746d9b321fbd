/* SPDX-License-Identifier: BSD-3-Clause */
/* safetensors: the length of the header as 8 bytes, little-endian; the header, a JSON
 * object; the tensors without gaps, at the offsets in the header.
 * https://huggingface.co/docs/safetensors
 *
 * The names are those of the state_dict of torch.nn.Sequential(Linear, activation,
 * Linear, ...): layer l is module 2 l. */
#include <inttypes.h>

#include "base/text/utf8.h"
#include "eval/export/export.h"
#include "shardnet/version.h"

enum { LENGTH_BYTES = 8, ALIGNMENT = 8 };

static void print_property(FILE *out, const char *name, const char *value)
{
    fprintf(out, ",\"%s\":", name);
    sn_json_print_string(out, value);
}

/* cols = 0: the tensor has one dimension. */
static void print_tensor(FILE *out, size_t module, const char *name, size_t rows,
                         size_t cols, uint64_t *offset)
{
    const uint64_t end =
        *offset + (uint64_t)rows * (cols > 0 ? cols : 1) * sizeof(float);
    fprintf(out, ",\"%zu.%s\":{\"dtype\":\"F32\",\"shape\":[%zu", module, name, rows);
    if (cols > 0) {
        fprintf(out, ",%zu", cols);
    }
    fprintf(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", *offset, end);
    *offset = end;
}

static void print_header(const sn_export *model, FILE *out)
{
    uint64_t offset = 0;
    fprintf(out, "{\"__metadata__\":{\"format\":\"pt\",\"producer\":\"shardnet %s\"",
            sn_version());
    sn_export_properties(model, "", print_property, out);
    fputc('}', out);
    for (size_t l = 0; l < model->network->layers; l++) {
        const sn_layer *layer = &model->network->layer[l];
        print_tensor(out, 2 * l, "weight", layer->out, layer->in, &offset);
        print_tensor(out, 2 * l, "bias", layer->out, 0, &offset);
    }
    fputc('}', out);
}

static bool write_safetensors(const sn_export *model, size_t count, FILE *out)
{
    (void)count; /* 1 */
    unsigned char length[LENGTH_BYTES] = {0};
    fwrite(length, 1, sizeof length, out);
    print_header(model, out);
    while (!ferror(out) && ftell(out) % ALIGNMENT != 0) {
        fputc(' ', out);
    }
    const uint64_t bytes = (uint64_t)ftell(out) - LENGTH_BYTES;
    for (unsigned k = 0; k < LENGTH_BYTES; k++) {
        length[k] = (unsigned char)(bytes >> 8 * k);
    }
    if (!sn_export_patch(out, 0, length, sizeof length)) {
        return false;
    }
    for (size_t l = 0; l < model->network->layers; l++) {
        const sn_layer *layer = &model->network->layer[l];
        sn_export_floats(out, model->parameters + layer->weight,
                         layer->out * layer->in);
        sn_export_floats(out, model->parameters + layer->bias, layer->out);
    }
    return true;
}

const sn_export_writer sn_export_safetensors = {.write = write_safetensors};
