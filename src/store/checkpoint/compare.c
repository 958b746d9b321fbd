/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/checkpoint/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/checkpoint/layout.h"

enum { VALUE_BYTES = 80 };

/* Returns the value of a field as text: the text itself, or a number in buffer with the
 * given number of digits. */
static const char *text_of(const sn_field *field, const sn_checkpoint_info *info,
                           int digits, char buffer[VALUE_BYTES])
{
    const void *value = sn_field_value(field, info);
    switch (field->kind) {
    case SN_FIELD_TEXT:
    case SN_FIELD_LINES:
        return value;
    case SN_FIELD_COUNT:
        snprintf(buffer, VALUE_BYTES, "%" PRId64, *(const int64_t *)value);
        break;
    case SN_FIELD_UINT64:
        snprintf(buffer, VALUE_BYTES, "%" PRIu64, *(const uint64_t *)value);
        break;
    case SN_FIELD_REAL:
        snprintf(buffer, VALUE_BYTES, "%.*g", digits, *(const double *)value);
        break;
    }
    return buffer;
}

size_t sn_compare_attributes(const sn_checkpoint_info *a, const sn_checkpoint_info *b,
                             const char *group, sn_compare_difference *differs,
                             void *user)
{
    size_t count = 0;
    for (int i = 0; i < SN_CHECKPOINT_FIELDS; i++) {
        const sn_field *field = &sn_checkpoint_fields[i];
        if (strcmp(field->group, group) != 0 || field->kind == SN_FIELD_LINES ||
            !sn_field_differs(field, a, b)) {
            continue;
        }
        enum { DIGITS = 9, DIGITS_EXACT = 17 };
        char left[VALUE_BYTES], right[VALUE_BYTES];
        const char *before = text_of(field, a, DIGITS, left);
        const char *after = text_of(field, b, DIGITS, right);
        if (strcmp(before, after) == 0) {
            before = text_of(field, a, DIGITS_EXACT, left);
            after = text_of(field, b, DIGITS_EXACT, right);
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

/* Returns the layer if the checkpoint has its tensors of this kind, else zeros. */
static const sn_layer_tensors *find(const sn_checkpoint_state *state, int64_t layer,
                                    int kind)
{
    static const sn_layer_tensors none = {0};
    return layer < state->info.layers && sn_checkpoint_has(&state->info, kind)
               ? &state->layers[layer]
               : &none;
}

void sn_compare_layer(const sn_checkpoint_state *a, const sn_checkpoint_state *b,
                      int64_t layer, int kind, sn_compare_tensor *result)
{
    const sn_layer_tensors *left = find(a, layer, kind), *right = find(b, layer, kind);
    *result = (sn_compare_tensor){.optimizer = kind >= SN_FIRST_VELOCITY,
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
