/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the tensors of an open checkpoint: into memory, only to verify the digest, or
 * to compare them with the tensors that were written. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/checkpoint/layout.h"
#include "store/metrics/pending.h"

static sn_status compare_shapes(const sn_checkpoint *checkpoint,
                                const sn_layer_tensors *tensors, sn_error *err)
{
    for (int64_t i = 0; i < checkpoint->info.layers; i++) {
        const sn_layer_tensors *found = &checkpoint->shapes[i], *layer = &tensors[i];
        if (layer->in != found->in || layer->out != found->out) {
            return sn_fail(err, SN_EDATA,
                           "checkpoint of another network (%s): layer %" PRId64
                           " is %" PRId64 " x %" PRId64 ", not %" PRId64 " x %" PRId64,
                           checkpoint->path, i, found->out, found->in, layer->out,
                           layer->in);
        }
    }
    return SN_OK;
}

static bool read_values(const sn_checkpoint *checkpoint, int64_t layer, int kind,
                        float *values, size_t count, sn_h5_reason *why)
{
    hid_t dataset;
    hsize_t extents[2] = {1, 1};
    if (!sn_tensor_open(checkpoint, layer, kind, &dataset, extents, why)) {
        return false;
    }
    bool done = extents[0] * extents[1] == count ||
                sn_h5_fail(why, "its size has changed since it was opened");
    if (done &&
        H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
        done = sn_h5_fail_library(why);
    }
    sn_h5_close(&dataset);
    return done;
}

/* Checks one tensor after it was read. */
typedef bool check(void *user, int64_t layer, int kind, const float *values,
                   size_t count, sn_h5_reason *why);

/* Allocates memory for the largest tensor whose pointer in tensors is NULL. */
static float *make_scratch(const sn_checkpoint_info *info,
                           const sn_layer_tensors *tensors)
{
    size_t most = 0;
    for (int64_t i = 0; i < info->layers; i++) {
        for (int kind = 0; kind < SN_TENSOR_KINDS; kind++) {
            const size_t count = sn_tensor_count(&tensors[i], kind);
            if (sn_checkpoint_has(info, kind) &&
                sn_layer_tensor(&tensors[i], kind) == NULL && count > most) {
                most = count;
            }
        }
    }
    return sn_alloc(most, sizeof(float));
}

/* Reads and checks every tensor; uses scratch memory if its pointer in tensors is
 * NULL. */
static sn_status read_tensors(const sn_checkpoint *checkpoint,
                              const sn_layer_tensors *tensors, check *passes,
                              void *user, sn_error *err)
{
    float *scratch = make_scratch(&checkpoint->info, tensors);
    if (scratch == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory to read (%s)", checkpoint->path);
    }
    sn_status status = SN_OK;
    for (int64_t i = 0; i < checkpoint->info.layers; i++) {
        for (int kind = 0; status == SN_OK && kind < SN_TENSOR_KINDS; kind++) {
            if (!sn_checkpoint_has(&checkpoint->info, kind)) {
                continue;
            }
            sn_h5_reason why;
            float *place = sn_layer_tensor(&tensors[i], kind);
            float *values = place != NULL ? place : scratch;
            const size_t count = sn_tensor_count(&tensors[i], kind);
            if (!read_values(checkpoint, i, kind, values, count, &why) ||
                !passes(user, i, kind, values, count, &why)) {
                status = sn_tensor_damaged(checkpoint, i, kind, &why, err);
            }
        }
    }
    free(scratch);
    return status;
}

static bool add_to_digest(void *user, int64_t layer, int kind, const float *values,
                          size_t count, sn_h5_reason *why)
{
    if (!sn_tensor_finite(values, count)) {
        return sn_h5_fail(why, "holds non-finite values");
    }
    sn_checkpoint_digest_tensor(user, layer, kind, values, count);
    return true;
}

static sn_status read_pending(const sn_checkpoint *checkpoint, sn_rows *rows,
                              sn_error *err)
{
    sn_h5_reason why;
    if (sn_pending_read(checkpoint->file, rows, &why)) {
        return SN_OK;
    }
    return why.status == SN_ENOMEM
               ? sn_fail(err, SN_ENOMEM, "out of memory to read (%s)", checkpoint->path)
               : sn_fail(err, SN_EDATA, "checkpoint damaged (%s): rows in /pending: %s",
                         checkpoint->path, why.text);
}

static sn_status check_pending(const sn_checkpoint *checkpoint, sn_error *err)
{
    sn_rows rows = {{{NULL, 0, 0}}};
    const sn_status status = read_pending(checkpoint, &rows, err);
    sn_rows_clear(&rows);
    return status;
}

sn_status sn_checkpoint_read(sn_checkpoint *checkpoint, const sn_layer_tensors *tensors,
                             sn_error *err)
{
    sn_h5_silence();
    char text[SN_DIGEST_TEXT_BYTES];
    sn_status status = compare_shapes(checkpoint, tensors, err);
    if (status != SN_OK) {
        return status;
    }
    sn_digest *digest = sn_digest_create();
    sn_checkpoint_digest_info(digest, &checkpoint->info);
    status = read_tensors(checkpoint, tensors, add_to_digest, digest, err);
    if (status == SN_OK) {
        status = sn_digest_finish(&digest, text, err);
    }
    if (status == SN_OK && strcmp(text, checkpoint->info.digest) != 0) {
        status =
            sn_fail(err, SN_EDATA, "checkpoint damaged (%s): digest does not match",
                    checkpoint->path);
    }
    sn_digest_destroy(&digest);
    return status == SN_OK ? check_pending(checkpoint, err) : status;
}

/* Allocates state->arena and makes the layers views of it.  The sizes cannot overflow,
 * because the file holds all tensors. */
static sn_status make_tensors(const sn_checkpoint *checkpoint,
                              sn_checkpoint_state *state, sn_error *err)
{
    const sn_layer_tensors *end = checkpoint->shapes + state->info.layers;
    const sn_checkpoint_info *info = &state->info;
    const size_t arrays = 2 + (size_t)info->second_moments + info->averaged;
    for (const sn_layer_tensors *layer = checkpoint->shapes; layer < end; layer++) {
        state->parameters += layer->out * (layer->in + 1);
    }
    state->arena = sn_alloc((size_t)state->parameters, arrays * sizeof(float));
    if (state->arena == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory for %" PRId64 " parameters",
                       state->parameters);
    }
    float *next = state->arena;
    for (sn_layer_tensors *layer = checkpoint->shapes; layer < end; layer++) {
        const int64_t weights = layer->out * layer->in;
        layer->weight = next;
        layer->bias = layer->weight + weights;
        layer->weight_velocity = layer->bias + layer->out;
        layer->bias_velocity = layer->weight_velocity + weights;
        next = layer->bias_velocity + layer->out;
        if (info->second_moments) {
            layer->weight_second_moment = next;
            layer->bias_second_moment = next + weights;
            next = layer->bias_second_moment + layer->out;
        }
        if (info->averaged) {
            layer->weight_current = next;
            layer->bias_current = next + weights;
            next = layer->bias_current + layer->out;
        }
    }
    return SN_OK;
}

sn_status sn_checkpoint_load(const char *path, sn_checkpoint_state *state,
                             sn_error *err)
{
    memset(state, 0, sizeof *state);
    sn_checkpoint *checkpoint;
    sn_status status = sn_checkpoint_open(path, &checkpoint, &state->info, err);
    if (status == SN_OK) {
        status = make_tensors(checkpoint, state, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_read(checkpoint, checkpoint->shapes, err);
    }
    if (status == SN_OK) {
        state->layers = checkpoint->shapes;
        checkpoint->shapes = NULL;
    } else {
        sn_checkpoint_state_clear(state);
    }
    sn_checkpoint_close(&checkpoint);
    return status;
}

void sn_checkpoint_state_clear(sn_checkpoint_state *state)
{
    free(state->layers);
    free(state->arena);
    memset(state, 0, sizeof *state);
}

sn_status sn_checkpoint_verify(const char *path, sn_checkpoint_info *info,
                               sn_error *err)
{
    sn_checkpoint *checkpoint;
    sn_status status = sn_checkpoint_open(path, &checkpoint, info, err);
    if (status == SN_OK) {
        status = sn_checkpoint_read(checkpoint, checkpoint->shapes, err);
    }
    sn_checkpoint_close(&checkpoint);
    return status;
}

sn_status sn_checkpoint_pending(const char *path, sn_rows *rows, sn_error *err)
{
    sn_checkpoint *checkpoint;
    sn_checkpoint_info info;
    sn_status status = sn_checkpoint_open(path, &checkpoint, &info, err);
    if (status == SN_OK) {
        status = read_pending(checkpoint, rows, err);
    }
    sn_checkpoint_close(&checkpoint);
    return status;
}

static bool is_same(void *user, int64_t layer, int kind, const float *values,
                    size_t count, sn_h5_reason *why)
{
    const sn_layer_tensors *const *written = user;
    return memcmp(values, sn_layer_tensor(&(*written)[layer], kind),
                  count * sizeof *values) == 0 ||
           sn_h5_fail(why, "differs from the written data");
}

static sn_status compare_info(const sn_checkpoint *checkpoint,
                              const sn_checkpoint_info *written, sn_error *err)
{
    const char *group = "", *name = "digest";
    bool same = strcmp(checkpoint->info.digest, written->digest) == 0;
    for (int i = 0; i < SN_CHECKPOINT_FIELDS; i++) {
        const sn_field *field = &sn_checkpoint_fields[i];
        if (sn_field_differs(field, &checkpoint->info, written)) {
            same = false;
            group = strcmp(field->group, "/") == 0 ? "" : field->group;
            name = field->name;
        }
    }
    return same ? SN_OK
                : sn_fail(err, SN_EDATA,
                          "checkpoint (%s): %s/%s differs from the written data",
                          checkpoint->path, group, name);
}

sn_status sn_checkpoint_read_back(const char *path, const sn_checkpoint_info *info,
                                  const sn_layer_tensors *tensors, sn_error *err)
{
    sn_checkpoint *checkpoint;
    sn_checkpoint_info found;
    sn_status status = sn_checkpoint_open(path, &checkpoint, &found, err);
    if (status == SN_OK) {
        status = compare_info(checkpoint, info, err);
    }
    if (status == SN_OK) {
        status = compare_shapes(checkpoint, tensors, err);
    }
    if (status == SN_OK) {
        status = read_tensors(checkpoint, checkpoint->shapes, is_same, &tensors, err);
    }
    sn_checkpoint_close(&checkpoint);
    return status;
}

static float *view(float *array, size_t first)
{
    return array == NULL ? NULL : array + first;
}

void sn_checkpoint_tensors(const sn_network *network, const sn_state *state,
                           sn_layer_tensors *tensors)
{
    float *average = state->average;
    float *evaluated = average != NULL ? average : state->parameters;
    float *current = average != NULL ? state->parameters : NULL;
    for (size_t l = 0; l < network->layers; l++) {
        const sn_layer *layer = &network->layer[l];
        tensors[l] = (sn_layer_tensors){
            .in = (int64_t)layer->in,
            .out = (int64_t)layer->out,
            .weight = view(evaluated, layer->weight),
            .bias = view(evaluated, layer->bias),
            .weight_velocity = view(state->velocity, layer->weight),
            .bias_velocity = view(state->velocity, layer->bias),
            .weight_second_moment = view(state->second_moment, layer->weight),
            .bias_second_moment = view(state->second_moment, layer->bias),
            .weight_current = view(current, layer->weight),
            .bias_current = view(current, layer->bias)};
    }
}
