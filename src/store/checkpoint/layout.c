/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/checkpoint/layout.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/numeric/real.h"
#include "store/h5/format.h"

#define AT(member)   offsetof(sn_checkpoint_info, member)
#define SIZE(member) sizeof(((sn_checkpoint_info *)0)->member)
#define FIELD(group, name, kind, member)                                               \
    {                                                                                  \
        group, name, kind, AT(member), SIZE(member)                                    \
    }
#define POSITION(name, kind) FIELD("/progress", #name, kind, position.name)

const sn_field sn_checkpoint_fields[SN_CHECKPOINT_FIELDS] = {
    FIELD("/", "format_version", SN_FIELD_COUNT, format_version),
    FIELD("/", "program_version", SN_FIELD_TEXT, program_version),
    FIELD("/", "created_utc", SN_FIELD_TEXT, created_utc),
    FIELD("/config", "text", SN_FIELD_LINES, config_text),
    FIELD("/model", "input", SN_FIELD_COUNT, input),
    FIELD("/model", "classes", SN_FIELD_COUNT, classes),
    FIELD("/model", "layers", SN_FIELD_COUNT, layers),
    FIELD("/model", "activation", SN_FIELD_TEXT, activation),
    FIELD("/model", "activation_scale_out", SN_FIELD_REAL, activation_scale_out),
    FIELD("/model", "activation_scale_in", SN_FIELD_REAL, activation_scale_in),
    FIELD("/model", "input_scale", SN_FIELD_REAL, input_scale),
    POSITION(epoch, SN_FIELD_COUNT),
    POSITION(step, SN_FIELD_COUNT),
    POSITION(step_in_epoch, SN_FIELD_COUNT),
    POSITION(samples_seen, SN_FIELD_COUNT),
    POSITION(learning_rate, SN_FIELD_REAL),
    POSITION(best_epoch, SN_FIELD_COUNT),
    POSITION(best_error, SN_FIELD_REAL),
    POSITION(seed, SN_FIELD_UINT64),
    POSITION(epoch_loss_sum, SN_FIELD_REAL),
    POSITION(epoch_correct, SN_FIELD_COUNT),
    POSITION(epoch_samples, SN_FIELD_COUNT),
    POSITION(train_seconds, SN_FIELD_REAL),
    FIELD("/data", "source", SN_FIELD_TEXT, data_source),
    FIELD("/data", "train_count", SN_FIELD_COUNT, train_count),
    FIELD("/data", "train_digest", SN_FIELD_TEXT, train_digest),
};

const sn_tensor_kind sn_tensor_kinds[SN_TENSOR_KINDS] = {
    {"/model", "weight", 2, "W in Z = X Wt + 1 bt"},
    {"/model", "bias", 1, "b in Z = X Wt + 1 bt"},
    {"/optimizer", "weight", 2, "velocity of W, learning rate included"},
    {"/optimizer", "bias", 1, "velocity of b, learning rate included"},
    {"/optimizer", "weight_second_moment", 2,
     "adamw: second moment of W, and velocity is the first"},
    {"/optimizer", "bias_second_moment", 1,
     "adamw: second moment of b, and velocity is the first"},
    {"/optimizer", "weight_current", 2, "W of the last update; /model has the average"},
    {"/optimizer", "bias_current", 1, "b of the last update; /model has the average"},
};

bool sn_checkpoint_has(const sn_checkpoint_info *info, int kind)
{
    return kind >= SN_FIRST_CURRENT
               ? info->averaged
               : kind < SN_FIRST_SECOND_MOMENT || info->second_moments;
}

float *sn_layer_tensor(const sn_layer_tensors *layer, int kind)
{
    float *const tensors[SN_TENSOR_KINDS] = {
        layer->weight,
        layer->bias,
        layer->weight_velocity,
        layer->bias_velocity,
        layer->weight_second_moment,
        layer->bias_second_moment,
        layer->weight_current,
        layer->bias_current,
    };
    return tensors[kind];
}

void sn_tensor_name(char name[SN_TENSOR_NAME_BYTES], int64_t layer, int kind)
{
    snprintf(name, SN_TENSOR_NAME_BYTES, "%s/layer%" PRId64 "/%s",
             sn_tensor_kinds[kind].group, layer, sn_tensor_kinds[kind].name);
}

size_t sn_tensor_count(const sn_layer_tensors *layer, int kind)
{
    size_t out = (size_t)layer->out;
    return sn_tensor_kinds[kind].rank == 2 ? out * (size_t)layer->in : out;
}

/* Datasets are chunked because only chunks have checksums.  A chunk has at most 1 MiB
 * and holds whole rows if they fit.  The chunks have nearly equal sizes, because the
 * last one occupies its full size in the file. */
void sn_tensor_chunks(const sn_layer_tensors *layer, int kind, hsize_t extents[2],
                      hsize_t chunk[2])
{
    hsize_t room = (1 << 20) / sizeof(float);
    extents[0] = (hsize_t)layer->out;
    extents[1] = (hsize_t)layer->in;
    for (int i = sn_tensor_kinds[kind].rank - 1; i >= 0; i--) {
        const hsize_t chunks = (extents[i] + room - 1) / room;
        chunk[i] = (extents[i] + chunks - 1) / chunks;
        room = room / chunk[i] > 0 ? room / chunk[i] : 1;
    }
}

/* The loop has no branch, so that the compiler can vectorize it. */
SN_HOT
bool is_finite(const float *values, size_t count)
{
    const uint32_t exponent = UINT32_C(0x7f800000); /* all ones: infinite or NaN */
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &values[i], sizeof word);
        found |= (word & exponent) == exponent;
    }
    return found == 0;
}

bool sn_tensor_finite(const float *values, size_t count)
{
    return is_finite(values, count);
}

const void *sn_field_value(const sn_field *field, const sn_checkpoint_info *info)
{
    return (const char *)info + field->offset;
}

bool sn_field_is_text(const sn_field *field)
{
    return field->kind == SN_FIELD_TEXT || field->kind == SN_FIELD_LINES;
}

bool sn_field_differs(const sn_field *field, const sn_checkpoint_info *a,
                      const sn_checkpoint_info *b)
{
    const void *left = sn_field_value(field, a), *right = sn_field_value(field, b);
    return sn_field_is_text(field) ? strcmp(left, right) != 0
                                   : memcmp(left, right, field->bytes) != 0;
}

/* Rejects control characters, which could send commands to a terminal.  Only the
 * configuration may have several lines. */
static bool check_text(const sn_field *field, const char *text, sn_h5_reason *why)
{
    if (memchr(text, '\0', field->bytes) == NULL) {
        return sn_h5_fail(why, "text longer than %zu bytes", field->bytes - 1);
    }
    for (const char *c = text; *c != '\0'; c++) {
        const bool control = (unsigned char)*c < ' ' || *c == 127;
        if (control &&
            (field->kind != SN_FIELD_LINES || strchr("\n\r\t", *c) == NULL)) {
            return sn_h5_fail(why, "text with control characters");
        }
    }
    return true;
}

static bool check_field(const sn_field *field, const sn_checkpoint_info *info,
                        sn_h5_reason *why)
{
    const void *value = sn_field_value(field, info);
    switch (field->kind) {
    case SN_FIELD_COUNT:
        return *(const int64_t *)value >= 0 ||
               sn_h5_fail(why, "negative (%" PRId64 ")", *(const int64_t *)value);
    case SN_FIELD_REAL:
        return isfinite(*(const double *)value) ||
               sn_h5_fail(why, "not a finite number");
    case SN_FIELD_TEXT:
    case SN_FIELD_LINES:
        return check_text(field, value, why);
    case SN_FIELD_UINT64:
        break;
    }
    return true;
}

bool sn_checkpoint_check_info(const sn_checkpoint_info *info, const sn_field **field,
                              sn_h5_reason *why)
{
    for (int i = 0; i < SN_CHECKPOINT_FIELDS; i++) {
        *field = &sn_checkpoint_fields[i];
        if (!check_field(*field, info, why)) {
            return false;
        }
        bool layers = (*field)->offset == AT(layers);
        if (layers && (info->layers < 1 || info->layers > SN_LAYERS_MAX)) {
            return sn_h5_fail(why, "%" PRId64 " layers, not 1 to %d", info->layers,
                              SN_LAYERS_MAX);
        }
    }
    return true;
}

/* Adds numbers (count) of the given size to the digest in little-endian order. */
static void add_numbers(sn_digest *digest, const void *numbers, size_t count,
                        size_t bytes)
{
    const uint16_t probe = 1;
    const unsigned char *number = numbers;
    if (*(const unsigned char *)&probe == 1) {
        sn_digest_add(digest, numbers, count * bytes);
        return;
    }
    for (; count > 0; count--, number += bytes) {
        unsigned char reversed[8];
        for (size_t b = 0; b < bytes; b++) {
            reversed[b] = number[bytes - 1 - b];
        }
        sn_digest_add(digest, reversed, bytes);
    }
}

static void add_item(sn_digest *digest, const char *name, const void *values,
                     size_t count, size_t bytes)
{
    const uint64_t name_length = strlen(name), value_length = count * bytes;
    add_numbers(digest, &name_length, 1, sizeof name_length);
    sn_digest_add(digest, name, strlen(name));
    add_numbers(digest, &value_length, 1, sizeof value_length);
    add_numbers(digest, values, count, bytes);
}

void sn_checkpoint_digest_info(sn_digest *digest, const sn_checkpoint_info *info)
{
    add_item(digest, "format", SN_FORMAT_NAME_CHECKPOINT,
             strlen(SN_FORMAT_NAME_CHECKPOINT), 1);
    for (int i = 0; i < SN_CHECKPOINT_FIELDS; i++) {
        const sn_field *field = &sn_checkpoint_fields[i];
        const void *value = sn_field_value(field, info);
        const char *group = strcmp(field->group, "/") == 0 ? "" : field->group;
        char name[SN_TENSOR_NAME_BYTES];
        snprintf(name, sizeof name, "%s/%s", group, field->name);
        if (sn_field_is_text(field)) {
            add_item(digest, name, value, strlen(value), 1);
        } else {
            add_item(digest, name, value, 1, field->bytes);
        }
    }
}

void sn_checkpoint_digest_tensor(sn_digest *digest, int64_t layer, int kind,
                                 const float *values, size_t count)
{
    char name[SN_TENSOR_NAME_BYTES];
    sn_tensor_name(name, layer, kind);
    add_item(digest, name, values, count, sizeof *values);
}

int64_t sn_position_epoch(const sn_position *position)
{
    return position->epoch + (position->step_in_epoch > 0);
}
