/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares the gradients of many networks with central differences, in a double build
 * of the sources of src/nn. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/numeric/rng.h"
#include "nn/net.h"
#include "nn/optimizer.h"

enum { INPUT = 7, CLASSES = 4, ROWS = 6 };

typedef struct fixture {
    sn_network network;
    sn_workspace workspace;
    double *parameters, *gradient;
    double x[ROWS * INPUT], scratch[ROWS * INPUT];
    uint8_t labels[ROWS];
    uint32_t samples[ROWS];
    sn_dropout dropout;
} fixture;

static void open_fixture(fixture *f, size_t depth, sn_activation activation,
                         double input_drop, double hidden_drop)
{
    static const size_t widths[] = {5, 9, 3, 6};
    sn_error err;
    assert_int_equal(
        sn_network_init(&f->network, INPUT, widths, depth, CLASSES, activation, &err),
        SN_OK);
    assert_int_equal(sn_workspace_init(&f->workspace, &f->network, ROWS, true,
                                       SN_PRECISION_FP32, &err),
                     SN_OK);
    f->parameters = sn_alloc(f->network.arena, sizeof(double));
    f->gradient = sn_alloc(f->network.arena, sizeof(double));
    assert_non_null(f->parameters);
    assert_non_null(f->gradient);
    sn_init_parameters(&f->network, SN_INIT_XAVIER, 1, 11, f->parameters);
    sn_rng rng;
    sn_rng_init(&rng, 3, SN_RNG_SYNTH, 0, 0, (uint32_t)depth);
    for (size_t l = 0; l < f->network.layers; l++) {
        for (size_t j = 0; j < f->network.layer[l].out; j++) {
            f->parameters[f->network.layer[l].bias + j] =
                (double)(0.6F * sn_rng_uniform(&rng) - 0.3F);
        }
    }
    for (int i = 0; i < ROWS * INPUT; i++) {
        f->x[i] = 2 * (double)sn_rng_uniform(&rng) - 1;
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        f->labels[i] = (uint8_t)(sn_rng_next(&rng) % CLASSES);
        f->samples[i] = 1000 + 17 * i;
    }
    f->dropout =
        (sn_dropout){.input = input_drop, .hidden = hidden_drop, .seed = 5, .epoch = 2};
}

static void close_fixture(fixture *f)
{
    sn_workspace_clear(&f->workspace);
    sn_network_clear(&f->network);
    free(f->parameters);
    free(f->gradient);
}

static double cost(fixture *f, const sn_optimizer *penalty, double *gradient)
{
    for (int i = 0; i < ROWS * INPUT; i++) {
        f->scratch[i] = f->x[i];
    }
    sn_pass pass =
        sn_net_gradient(&f->network, f->parameters, &f->workspace, f->scratch,
                        f->labels, f->samples, ROWS, &f->dropout, gradient);
    assert_int_equal(pass.non_finite, 0);
    return pass.loss.sum + sn_optimizer_penalty(penalty, &f->network, f->parameters);
}

static int is_padding(const sn_network *network, size_t index)
{
    for (size_t l = 0; l < network->layers; l++) {
        const sn_layer *layer = &network->layer[l];
        if ((index >= layer->weight &&
             index < layer->weight + layer->in * layer->out) ||
            (index >= layer->bias && index < layer->bias + layer->out)) {
            return 0;
        }
    }
    return 1;
}

static double sign(double w)
{
    return (double)(w > 0) - (double)(w < 0);
}

/* Returns the gradient of the penalty, which the optimizer adds. */
static double penalty_gradient(const fixture *f, const sn_optimizer *penalty,
                               size_t index)
{
    for (size_t l = 0; l < f->network.layers; l++) {
        const sn_layer *layer = &f->network.layer[l];
        if (index >= layer->weight && index < layer->weight + layer->in * layer->out) {
            const double w = f->parameters[index];
            return penalty->l2 * w + penalty->l1 * sign(w);
        }
    }
    return 0;
}

/* Returns the largest SIGNED relative error over all parameters. */
static double worst_error(fixture *f, const sn_optimizer *penalty)
{
    const double h = 1e-5;
    double *unused = sn_alloc(f->network.arena, sizeof(double));
    assert_non_null(unused);
    cost(f, penalty, f->gradient);
    double worst = 0;
    for (size_t i = 0; i < f->network.arena; i++) {
        if (is_padding(&f->network, i)) {
            assert_true(f->gradient[i] == 0);
            continue;
        }
        const double original = f->parameters[i];
        f->parameters[i] = original + h;
        const double above = cost(f, penalty, unused);
        f->parameters[i] = original - h;
        const double below = cost(f, penalty, unused);
        f->parameters[i] = original;
        const double expected = (above - below) / (2 * h);
        const double found = f->gradient[i] + penalty_gradient(f, penalty, i);
        /* a difference has an absolute error of about 1e-16 * cost / h */
        worst = fmax(worst, relative_difference(found, expected, 1e-3));
    }
    free(unused);
    return worst;
}

static void every_gradient_matches_central_differences(void **state)
{
    (void)state;
    static const sn_activation kinds[] = {SN_TANH, SN_SIGMOID, SN_RELU, SN_LECUN_TANH};
    static const sn_optimizer penalties[] = {{.l1 = 0, .l2 = 0},
                                             {.l1 = 0, .l2 = 0.03},
                                             {.l1 = 0.02, .l2 = 0},
                                             {.l1 = 0.01, .l2 = 0.02}};
    static const double drops[][2] = {{0, 0}, {0.2, 0}, {0, 0.5}, {0.2, 0.5}};
    double worst = 0;
    for (size_t depth = 0; depth <= 4; depth++) {
        for (size_t k = 0; k < 4; k++) {
            for (size_t p = 0; p < 4; p++) {
                for (size_t d = 0; d < 4; d++) {
                    fixture f;
                    open_fixture(&f, depth, kinds[k], drops[d][0], drops[d][1]);
                    double error = worst_error(&f, &penalties[p]);
                    worst = fmax(worst, error);
                    close_fixture(&f);
                    if (error >= 1e-6) {
                        print_error("depth %zu, activation %zu, penalty %zu, dropout "
                                    "%zu: %g\n",
                                    depth, k, p, d, error);
                    }
                    assert_true(error < 1e-6);
                }
            }
        }
    }
    print_message("worst relative error %.2e\n", worst);
}

static void gradients_with_smoothed_labels_match_central_differences(void **state)
{
    (void)state;
    static const double smoothings[] = {0.1, 0.5, 0.99};
    const sn_optimizer none = {0};
    for (size_t depth = 0; depth <= 2; depth++) {
        for (size_t s = 0; s < 3; s++) {
            fixture f;
            open_fixture(&f, depth, SN_TANH, 0.2, 0.5);
            f.workspace.label_smoothing = smoothings[s];
            assert_true(worst_error(&f, &none) < 1e-6);
            close_fixture(&f);
        }
    }
}

static void the_signed_error_detects_a_wrong_sign(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, 1, SN_TANH, 0, 0);
    const sn_optimizer none = {0};
    cost(&f, &none, f.gradient);
    double largest = 0;
    for (size_t i = 0; i < f.network.arena; i++) {
        largest = fmax(largest, fabs(f.gradient[i]));
    }
    assert_true(relative_difference(largest, -largest, 1e-3) > 1);
    close_fixture(&f);
}

static void an_empty_shard_has_a_zero_gradient(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, 2, SN_RELU, 0, 0);
    for (size_t i = 0; i < f.network.arena; i++) {
        f.gradient[i] = 9;
    }
    sn_pass pass = sn_net_gradient(&f.network, f.parameters, &f.workspace, f.scratch,
                                   f.labels, f.samples, 0, &f.dropout, f.gradient);
    assert_true(pass.loss.sum == 0 && pass.loss.correct == 0 && pass.non_finite == 0);
    for (size_t i = 0; i < f.network.arena; i++) {
        assert_true(f.gradient[i] == 0);
    }
    close_fixture(&f);
}

static void a_gradient_is_the_sum_over_shards(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, 3, SN_TANH, 0.2, 0.5);
    const sn_optimizer none = {0};
    const double whole = cost(&f, &none, f.gradient);
    double *shards = sn_alloc(2 * f.network.arena, sizeof(double));
    assert_non_null(shards);
    double sum = 0;
    const size_t begins[] = {0, 4}, ends[] = {4, ROWS};
    for (int s = 0; s < 2; s++) {
        for (int i = 0; i < ROWS * INPUT; i++) {
            f.scratch[i] = f.x[i];
        }
        size_t b = begins[s];
        sum += sn_net_gradient(&f.network, f.parameters, &f.workspace,
                               f.scratch + b * INPUT, f.labels + b, f.samples + b,
                               ends[s] - b, &f.dropout,
                               shards + (size_t)s * f.network.arena)
                   .loss.sum;
    }
    assert_true(relative_difference(sum, whole, 1) < 1e-12);
    for (size_t i = 0; i < f.network.arena; i++) {
        assert_true(relative_difference(shards[i] + shards[f.network.arena + i],
                                        f.gradient[i], 1e-3) < 1e-10);
    }
    free(shards);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_gradient_matches_central_differences),
        cmocka_unit_test(gradients_with_smoothed_labels_match_central_differences),
        cmocka_unit_test(the_signed_error_detects_a_wrong_sign),
        cmocka_unit_test(an_empty_shard_has_a_zero_gradient),
        cmocka_unit_test(a_gradient_is_the_sum_over_shards)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
