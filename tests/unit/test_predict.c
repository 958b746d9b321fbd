/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares predictions of images with softmax in double precision. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eval/predict.h"
#include "eval/vote.h"

enum { INPUT = 5, CLASSES = 4, IMAGES = 600 };

/* Makes a network without hidden layers.  The caller frees the parameters. */
static float *make_network(sn_network *network, size_t classes)
{
    sn_error err;
    assert_int_equal(sn_network_init(network, INPUT, NULL, 0, classes, SN_TANH, &err),
                     SN_OK);
    float *parameters = sn_alloc(network->arena, sizeof *parameters);
    assert_non_null(parameters);
    return parameters;
}

static void best_and_second_agree_with_softmax(void **state)
{
    (void)state;
    sn_error err;
    sn_network network;
    sn_predictor predictor;
    static uint8_t images[IMAGES * INPUT];
    static sn_prediction found[IMAGES];
    static float all[IMAGES * CLASSES];
    float *parameters = make_network(&network, CLASSES);
    const sn_layer *layer = &network.layer[0];
    for (size_t i = 0; i < CLASSES * INPUT; i++) {
        parameters[layer->weight + i] = (float)((double)(i * i % 17) - 8);
    }
    for (size_t i = 0; i < sizeof images; i++) {
        images[i] = (uint8_t)(i * i * 31 % 251);
    }
    assert_int_equal(sn_predictor_init(&predictor, &network, parameters, &err), SN_OK);
    /* IMAGES exceeds the rows of one forward pass. */
    sn_predict(&predictor, images, IMAGES, found, all);
    for (size_t i = 0; i < IMAGES; i++) {
        double e[CLASSES], sum = 0;
        for (size_t j = 0; j < CLASSES; j++) {
            double z = 0;
            for (size_t k = 0; k < INPUT; k++) {
                z += (double)parameters[layer->weight + j * INPUT + k] *
                     images[i * INPUT + k] / 255;
            }
            e[j] = exp(z);
            sum += e[j];
        }
        const sn_prediction *p = &found[i];
        assert_true(p->best != p->second);
        assert_true((double)all[i * CLASSES + p->best] == p->best_probability);
        assert_true(fabs(p->best_probability - e[p->best] / sum) < 1e-5);
        assert_true(fabs(p->second_probability - e[p->second] / sum) < 1e-5);
        for (size_t j = 0; j < CLASSES; j++) {
            const int others = j != p->best && j != p->second;
            assert_true(e[j] / sum < p->best_probability + 1e-5);
            assert_true(!others || e[j] / sum < p->second_probability + 1e-5);
        }
    }
    sn_predictor_clear(&predictor);
    sn_network_clear(&network);
    free(parameters);
}

static void equal_classes_are_ordered_by_index(void **state)
{
    (void)state;
    for (size_t classes = 1; classes <= CLASSES; classes++) {
        sn_error err;
        sn_network network;
        sn_predictor predictor;
        sn_prediction p;
        const uint8_t image[INPUT] = {1, 2, 3, 4, 5};
        float *parameters = make_network(&network, classes); /* zero */
        assert_int_equal(sn_predictor_init(&predictor, &network, parameters, &err),
                         SN_OK);
        sn_predict(&predictor, image, 1, &p, NULL);
        assert_int_equal(p.best, 0);
        assert_int_equal(p.second, classes > 1 ? 1 : 0);
        assert_true(fabs(p.best_probability - 1.0 / (double)classes) < 1e-6);
        assert_true(
            fabs(p.second_probability - (classes > 1 ? p.best_probability : 0)) < 1e-6);
        sn_predictor_clear(&predictor);
        sn_network_clear(&network);
        free(parameters);
    }
}

/* The probabilities of two networks are 0 as floats, but their logarithms are finite. */
static void logarithms_of_tiny_probabilities_are_added(void **state)
{
    (void)state;
    float z[] = {3, -200, 3}, equal[] = {1, 1, 1, 1};
    const uint8_t second = 1, third = 2;
    const double tiny = -sn_softmax_gradient(1, 3, &second, 0, z).sum;
    assert_true(fabs(tiny - (-203 - log(2))) < 1e-12);
    assert_true(fabs(sn_softmax_gradient(1, 4, &third, 0, equal).sum - log(4)) < 1e-12);
    assert_true(fabs(sn_vote_log_sum(-2000, -2000) - (-2000 + log(2))) < 1e-12);
    assert_true(fabs(sn_vote_log_sum(log(0.5), log(0.25)) - log(0.75)) < 1e-12);
    assert_true(sn_vote_log_sum(-INFINITY, -2) == -2);
    assert_true(sn_vote_log_sum(-INFINITY, -INFINITY) == -INFINITY);
    assert_true(isnan(sn_vote_log_sum(NAN, -2)) && isnan(sn_vote_log_sum(-2, NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_and_second_agree_with_softmax),
        cmocka_unit_test(equal_classes_are_ordered_by_index),
        cmocka_unit_test(logarithms_of_tiny_probabilities_are_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
