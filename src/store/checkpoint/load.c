/* Whole checkpoints: read into memory, or only looked through. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/checkpoint/checkpoint.h"

/* The layers' shapes, without tensors. */
static sn_status make_layers(const sn_checkpoint *checkpoint, int64_t count,
                             sn_layer_tensors **layers, sn_error *err)
{
    *layers = calloc((size_t)count, sizeof **layers);
    if (*layers == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory for %" PRId64 " layers", count);
    }
    for (int64_t i = 0; i < count; i++) {
        sn_checkpoint_layer_shape(checkpoint, i, &(*layers)[i].in, &(*layers)[i].out);
    }
    return SN_OK;
}

/* The file holds all of its tensors, so their sizes cannot overflow. */
static sn_status make_tensors(sn_checkpoint_state *state, sn_error *err)
{
    for (int64_t i = 0; i < state->info.layers; i++) {
        state->parameters += state->layers[i].out * (state->layers[i].in + 1);
    }
    state->arena = sn_alloc((size_t)state->parameters, 2 * sizeof(float));
    if (state->arena == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory for %" PRId64 " parameters",
                       state->parameters);
    }
    float *next = state->arena;
    for (int64_t i = 0; i < state->info.layers; i++) {
        sn_layer_tensors *layer = &state->layers[i];
        const int64_t weights = layer->out * layer->in;
        layer->weight = next;
        layer->bias = layer->weight + weights;
        layer->weight_velocity = layer->bias + layer->out;
        layer->bias_velocity = layer->weight_velocity + weights;
        next = layer->bias_velocity + layer->out;
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
        status = make_layers(checkpoint, state->info.layers, &state->layers, err);
    }
    if (status == SN_OK) {
        status = make_tensors(state, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_read(checkpoint, state->layers, err);
    }
    sn_checkpoint_close(&checkpoint);
    if (status != SN_OK) {
        sn_checkpoint_state_clear(state);
    }
    return status;
}

void sn_checkpoint_state_clear(sn_checkpoint_state *state)
{
    sn_checkpoint_info_clear(&state->info);
    free(state->layers);
    free(state->arena);
    memset(state, 0, sizeof *state);
}

sn_status sn_checkpoint_verify(const char *path, sn_checkpoint_info *info,
                               sn_error *err)
{
    sn_checkpoint *checkpoint;
    sn_layer_tensors *layers = NULL;
    sn_status status = sn_checkpoint_open(path, &checkpoint, info, err);
    if (status == SN_OK) {
        status = make_layers(checkpoint, info->layers, &layers, err);
    }
    if (status == SN_OK) {
        status = sn_checkpoint_read(checkpoint, layers, err);
    }
    free(layers);
    sn_checkpoint_close(&checkpoint);
    return status;
}

void sn_checkpoint_tensors(const sn_network *model, float *parameters, float *velocity,
                           sn_layer_tensors *tensors)
{
    for (size_t l = 0; l < model->layers; l++) {
        const sn_layer *layer = &model->layer[l];
        tensors[l] = (sn_layer_tensors){
            .in = (int64_t)layer->in,
            .out = (int64_t)layer->out,
            .weight = parameters + layer->weight,
            .bias = parameters + layer->bias,
            .weight_velocity = velocity == NULL ? NULL : velocity + layer->weight,
            .bias_velocity = velocity == NULL ? NULL : velocity + layer->bias};
    }
}
