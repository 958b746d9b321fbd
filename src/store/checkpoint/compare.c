#include "store/checkpoint/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/checkpoint/layout.h"

_Static_assert((int)SN_COMPARE_KINDS == (int)SN_TENSOR_KINDS, "the kinds of tensors");
_Static_assert((int)SN_COMPARE_NAME_BYTES == (int)SN_TENSOR_NAME_BYTES, "their names");

enum { VALUE_BYTES = 80 };

/* The field's value as text; its own memory where it is text. */
static const char *text_of(const sn_field *field, const sn_checkpoint_info *info,
                           char buffer[VALUE_BYTES])
{
    const void *value = sn_field_of(field, info);
    int64_t count;
    uint64_t word;
    double real;
    switch (field->kind) {
    case SN_FIELD_TEXT:
        return value;
    case SN_FIELD_VERSION:
        snprintf(buffer, VALUE_BYTES, "%d", info->format_version);
        break;
    case SN_FIELD_COUNT:
        memcpy(&count, value, sizeof count);
        snprintf(buffer, VALUE_BYTES, "%" PRId64, count);
        break;
    case SN_FIELD_WORD:
        memcpy(&word, value, sizeof word);
        snprintf(buffer, VALUE_BYTES, "%" PRIu64, word);
        break;
    case SN_FIELD_REAL:
        memcpy(&real, value, sizeof real);
        snprintf(buffer, VALUE_BYTES, "%.9g", real);
        break;
    case SN_FIELD_CONFIG:
        return "";
    }
    return buffer;
}

/* Two reals that look alike get all their digits. */
static void tell_apart(const sn_field *field, const sn_checkpoint_info *info,
                       char buffer[VALUE_BYTES])
{
    double real;
    memcpy(&real, sn_field_of(field, info), sizeof real);
    snprintf(buffer, VALUE_BYTES, "%.17g", real);
}

size_t sn_compare_attributes(const sn_checkpoint_info *a, const sn_checkpoint_info *b,
                             const char *group, sn_compare_difference *differs,
                             void *user)
{
    size_t count = 0;
    for (int i = 0; i < SN_CHECKPOINT_FIELDS; i++) {
        const sn_field *field = &sn_checkpoint_fields[i];
        if (strcmp(field->group, group) != 0 || field->kind == SN_FIELD_CONFIG ||
            !sn_field_differs(field, a, b)) {
            continue;
        }
        char left[VALUE_BYTES], right[VALUE_BYTES];
        const char *before = text_of(field, a, left);
        const char *after = text_of(field, b, right);
        if (field->kind == SN_FIELD_REAL && strcmp(before, after) == 0) {
            tell_apart(field, a, left);
            tell_apart(field, b, right);
        }
        count++;
        if (differs != NULL) {
            differs(user, field->name, before, after);
        }
    }
    return count;
}

static void compare_values(const float *a, const float *b, sn_compare_tensor *result)
{
    for (int64_t i = 0; i < result->count; i++) {
        if (memcmp(&a[i], &b[i], sizeof *a) == 0) {
            continue;
        }
        result->differing++;
        const double left = a[i], right = b[i];
        const double absolute = fabs(left - right);
        const double scale = fmax(fabs(left), fabs(right));
        result->max_absolute = fmax(result->max_absolute, absolute);
        if (scale > 0) {
            result->max_relative = fmax(result->max_relative, absolute / scale);
        }
    }
}

void sn_compare_layer(const sn_checkpoint_state *a, const sn_checkpoint_state *b,
                      int64_t layer, int kind, sn_compare_tensor *result)
{
    static const sn_layer_tensors none = {0};
    const sn_layer_tensors *left = layer < a->info.layers ? &a->layers[layer] : &none;
    const sn_layer_tensors *right = layer < b->info.layers ? &b->layers[layer] : &none;
    *result = (sn_compare_tensor){.velocity = kind >= 2,
                                  .rank = sn_tensor_kinds[kind].rank,
                                  .out_a = left->out,
                                  .in_a = left->in,
                                  .out_b = right->out,
                                  .in_b = right->in};
    sn_tensor_name(result->name, layer, kind);
    result->same_shape =
        left->out == right->out && (result->rank == 1 || left->in == right->in);
    if (result->same_shape) {
        result->count = (int64_t)sn_tensor_count(left, kind);
        compare_values(sn_layer_tensor(left, kind), sn_layer_tensor(right, kind),
                       result);
    }
}
