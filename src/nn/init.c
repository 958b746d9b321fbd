#include "nn/init.h"

#include <math.h>

#include "base/rng.h"

static double bound(sn_init kind, double scale, const sn_layer *layer)
{
    switch (kind) {
    case SN_INIT_XAVIER:
        return scale * sqrt(6.0 / (double)(layer->in + layer->out));
    case SN_INIT_HE:
        return scale * sqrt(6.0 / (double)layer->in);
    case SN_INIT_UNIFORM:
        break;
    }
    return scale;
}

void sn_init_parameters(const sn_network *model, sn_init kind, double scale,
                        uint64_t seed, sn_real *parameters)
{
    for (size_t i = 0; i < model->arena; i++) {
        parameters[i] = 0;
    }
    for (size_t l = 0; l < model->layers; l++) {
        const sn_layer *layer = &model->layer[l];
        const float r = (float)bound(kind, scale, layer);
        sn_real *weight = parameters + layer->weight;
        const size_t count = layer->in * layer->out;
        uint32_t words[4] = {0};
        for (size_t i = 0; i < count; i++) {
            if (i % 4 == 0) {
                sn_rng_block(seed, SN_RNG_INIT, (uint32_t)l, 0, (uint32_t)(i / 4 >> 32),
                             (uint32_t)(i / 4), words);
            }
            weight[i] = r * (2 * sn_rng_unit(words[i % 4]) - 1);
        }
    }
}
