/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: checkpoints. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "hdf5_checksum.h"
#include "store/checkpoint/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > FUZZ_BYTES_MAX) {
        return 0;
    }
    sn_error err = {""};
    sn_checkpoint_info info;
    sn_checkpoint_state state;
    const char *path = fuzz_file(data, size);
    const int good =
        fuzz_accepts(sn_checkpoint_verify(path, &info, &err), SN_EDATA, &err);
    if (!good) {
        return 0;
    }
    if (sn_checkpoint_load(path, &state, &err) != SN_OK) {
        fuzz_never("verify accepts, but load rejects: %s", err.message);
    }
    /* the file contains weights, velocities and perhaps more */
    const size_t arrays = 2 + (size_t)info.second_moments + info.averaged;
    if ((size_t)state.parameters * arrays * sizeof(float) > size) {
        fuzz_never("%lld parameters in %zu bytes", (long long)state.parameters, size);
    }
    sn_checkpoint_state_clear(&state);
    return 0;
}

enum { LAYERS_MAX = 3, FLOATS_MAX = 4096 };

/* Each row: input, the width of each layer, 0.  The last one has all tensors. */
static const int64_t networks[][LAYERS_MAX + 2] = {
    {12, 5, 0}, {20, 9, 7, 3, 0}, {12, 5, 4, 0}};

static void lay_out(const int64_t *widths, int64_t *layers, float *values,
                    sn_layer_tensors tensors[LAYERS_MAX])
{
    for (*layers = 0; widths[*layers + 1] != 0; ++*layers) {
        const int64_t in = widths[*layers], out = widths[*layers + 1];
        float *bias = values + in * out;
        float *weight_velocity = bias + out;
        float *bias_velocity = weight_velocity + in * out;
        tensors[*layers] = (sn_layer_tensors){.in = in,
                                              .out = out,
                                              .weight = values,
                                              .bias = bias,
                                              .weight_velocity = weight_velocity,
                                              .bias_velocity = bias_velocity,
                                              .weight_second_moment = values,
                                              .bias_second_moment = bias,
                                              .weight_current = weight_velocity,
                                              .bias_current = bias_velocity};
        values = bias_velocity + out;
    }
}

uint8_t *fuzz_seed(size_t number, size_t *size)
{
    if (number >= sizeof networks / sizeof networks[0]) {
        return NULL;
    }
    const int64_t *widths = networks[number];
    float values[FLOATS_MAX];
    for (int i = 0; i < FLOATS_MAX; i++) {
        values[i] = (float)(i % 17 - 8) / 8;
    }
    sn_checkpoint_info info = {.program_version = "0.1.0",
                               .config_text =
                                   "[model]\nhidden = 9, 7\n[train]\nseed = 1\n",
                               .input = widths[0],
                               .activation = "tanh",
                               .activation_scale_out = 1,
                               .activation_scale_in = 1,
                               .input_scale = 1.0 / 255,
                               .data_source = "mnist",
                               .train_count = 60000,
                               .train_digest = "none",
                               .position = {.epoch = 3, .step = 12345, .seed = 1},
                               .second_moments = number == 2,
                               .averaged = number == 2};
    sn_layer_tensors tensors[LAYERS_MAX];
    lay_out(widths, &info.layers, values, tensors);
    info.classes = tensors[info.layers - 1].out;
    sn_error err = {""};
    const char *path = fuzz_seed_path();
    if (sn_checkpoint_write(path, &info, tensors, NULL, &err) != SN_OK) {
        fuzz_never("cannot make a seed: %s", err.message);
    }
    return fuzz_take_file(path, size);
}

void fuzz_repair(uint8_t *data, size_t size)
{
    hdf5_repair(data, size);
}
