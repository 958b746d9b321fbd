/* SPDX-License-Identifier: BSD-3-Clause */
/* Loads the network and draws its pictures. */
#include "cli/report/network.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/report/order.h"
#include "data/batch.h"
#include "eval/evaluate.h"

static sn_status draw_mistakes(sn_report_network *network, sn_error *err)
{
    const sn_mistakes *found = &network->mistakes;
    const size_t features = found->rows * found->cols;
    float *values = sn_alloc(features, sizeof *values);
    sn_status status =
        values == NULL ? sn_fail(err, SN_ENOMEM, "pictures: out of memory")
                       : sn_tiles_init(&network->pictures, SN_TILES_GREY, found->listed,
                                       found->rows, found->cols, err);
    for (size_t i = 0; status == SN_OK && i < found->listed; i++) {
        sn_bytes_to_float(features, found->images + i * features, values);
        sn_tiles_draw(&network->pictures, i, values, 1);
    }
    free(values);
    return status == SN_OK ? sn_tiles_encode(&network->pictures, err) : status;
}

/* Draws the confusion matrix: wrong counts relative to the largest. */
static sn_status draw_matrix(sn_report_network *network, sn_error *err)
{
    const sn_mistakes *found = &network->mistakes;
    const size_t classes = found->classes;
    const float most = (float)sn_confusion_most(found->confusion, classes);
    float *values = sn_alloc(classes * classes, sizeof *values);
    sn_status status = values == NULL
                           ? sn_fail(err, SN_ENOMEM, "pictures: out of memory")
                           : sn_tiles_init(&network->matrix, SN_TILES_SIGNED, 1,
                                           classes, classes, err);
    if (status == SN_OK) {
        for (size_t i = 0; i < classes * classes; i++) {
            values[i] = i % (classes + 1) == 0
                            ? -0.5F
                            : (float)found->confusion[i] / fmaxf(most, 1);
        }
        sn_tiles_draw(&network->matrix, 0, values, 1);
        status = sn_tiles_encode(&network->matrix, err);
    }
    free(values);
    return status;
}

/* Sorts the units of the first layer by the norm of their weights.  Returns the largest
 * magnitude of a weight. */
static float order_units(const sn_layer *layer, const float *weight, sn_ordered *units)
{
    float largest = 0;
    for (size_t i = 0; i < layer->out; i++) {
        units[i] = (sn_ordered){.index = i};
        for (size_t j = 0; j < layer->in; j++) {
            const float w = weight[i * layer->in + j];
            units[i].value += (double)w * (double)w;
            largest = fmaxf(largest, fabsf(w));
        }
    }
    sn_order(units, layer->out);
    return largest;
}

static sn_status draw_weights(sn_report_network *network, const sn_model *model,
                              sn_error *err)
{
    const sn_layer *layer = &model->network.layer[0];
    const float *weight = model->parameters + layer->weight;
    network->units = layer->out;
    network->tiles = layer->out < SN_TILES_MAX ? layer->out : SN_TILES_MAX;
    if (!model->size.recorded) {
        network->tiles = 0;
        return SN_OK;
    }
    sn_ordered *units = sn_alloc(layer->out, sizeof *units);
    sn_status status =
        units == NULL
            ? sn_fail(err, SN_ENOMEM, "pictures: out of memory")
            : sn_tiles_init(&network->weights, SN_TILES_SIGNED, network->tiles,
                            model->size.rows, model->size.cols, err);
    if (status == SN_OK) {
        const float largest = order_units(layer, weight, units);
        for (size_t i = 0; i < network->tiles; i++) {
            network->unit[i] = units[i].index;
            sn_tiles_draw(&network->weights, i, weight + units[i].index * layer->in,
                          largest > 0 ? largest : 1);
        }
        status = sn_tiles_encode(&network->weights, err);
    }
    free(units);
    return status;
}

sn_status sn_report_network_load(const char *path, const char *data_dir,
                                 sn_report_network *network, sn_error *err)
{
    sn_model *model;
    *network = (sn_report_network){.loaded = false};
    if (sn_model_load_choice(NULL, path, NULL, &model, &network->no_network) != SN_OK) {
        return SN_OK;
    }
    network->loaded = true;
    sn_status status = sn_model_find_size(model, data_dir, &network->notice, err);
    if (status == SN_OK) {
        status = draw_weights(network, model, err);
    }
    if (status == SN_OK &&
        sn_mistakes_find(model, data_dir, &network->mistakes, &network->notice,
                         &network->no_mistakes) == SN_OK) {
        status = network->mistakes.listed > 0 ? draw_mistakes(network, err) : SN_OK;
        if (status == SN_OK && network->mistakes.classes > SN_TABLE_CLASSES) {
            status = draw_matrix(network, err);
        }
    }
    sn_model_destroy(&model);
    return status;
}

void sn_report_network_clear(sn_report_network *network)
{
    sn_mistakes_clear(&network->mistakes);
    sn_tiles_clear(&network->pictures);
    sn_tiles_clear(&network->matrix);
    sn_tiles_clear(&network->weights);
}
