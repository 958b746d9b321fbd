/* SPDX-License-Identifier: BSD-3-Clause */
/* Updates of the parameters: momentum, AdamW, max-norm, clipping. */
#include "support.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/clip.h"
#include "nn/optimizer.h"

static const sn_arena_part whole = {0, 1};

/* Runs update number of the whole state. */
static void update(const sn_optimizer *o, const sn_network *network, int64_t number,
                   double rate, double scale, const float *g, float *v, float *p)
{
    const sn_state state = {.parameters = p, .velocity = v};
    const sn_update factors = {number, rate, scale};
    sn_optimizer_update(o, network, whole, &factors, g, &state, NULL);
}

static void updates_follow_the_formulas_of_momentum(void **state)
{
    (void)state;
    sn_network network;
    sn_error err;
    assert_int_equal(sn_network_init(&network, 1, NULL, 0, 1, SN_TANH, &err), SN_OK);
    const size_t w = network.layer[0].weight, b = network.layer[0].bias;
    static const sn_rule kinds[] = {SN_HEAVY_BALL, SN_NESTEROV, SN_PREVIOUS_GRADIENT};
    for (int k = 0; k < 3; k++) {
        float p[64] = {0}, v[64] = {0}, g[64] = {0};
        assert_true(network.arena <= 64);
        const sn_optimizer o = {
            .kind = kinds[k], .momentum = 0.9, .l1 = 0.01, .l2 = 0.1};
        double pw = 0.5, pb = -0.25, vw = 0, vb = 0;
        p[w] = 0.5F;
        p[b] = -0.25F;
        for (int step = 0; step < 3; step++) {
            g[w] = 2 + (float)step;
            g[b] = -4;
            update(&o, &network, step + 1, 0.05, 0.25, g, v, p);
            const double gw =
                0.05 * (0.25 * (2 + step) + 0.1 * pw + 0.01 * (pw > 0 ? 1 : -1));
            const double gb = 0.05 * (0.25 * -4);
            if (k == 2) {
                pw -= gw + 0.9 * vw;
                pb -= gb + 0.9 * vb;
                vw = gw;
                vb = gb;
            } else {
                vw = 0.9 * vw + gw;
                vb = 0.9 * vb + gb;
                pw -= k == 0 ? vw : 0.9 * vw + gw;
                pb -= k == 0 ? vb : 0.9 * vb + gb;
            }
            assert_true(relative_difference((double)p[w], pw, 0) < 1e-6);
            assert_true(relative_difference((double)p[b], pb, 0) < 1e-6);
            assert_true(relative_difference((double)v[w], vw, 0) < 1e-6);
        }
    }
    sn_network_clear(&network);
}

static void a_subnormal_velocity_becomes_zero(void **state)
{
    (void)state;
    sn_network network;
    sn_error err;
    assert_int_equal(sn_network_init(&network, 1, NULL, 0, 1, SN_TANH, &err), SN_OK);
    float p[64] = {0}, v[64] = {0}, g[64] = {0};
    v[0] = 1.1F * FLT_MIN;
    const sn_optimizer o = {.kind = SN_HEAVY_BALL, .momentum = 0.5};
    update(&o, &network, 1, 0.1, 1, g, v, p);
    assert_true(v[0] == 0);
    sn_network_clear(&network);
}

static void max_norm_limits_each_row_of_weights(void **state)
{
    (void)state;
    sn_network network;
    sn_error err;
    assert_int_equal(sn_network_init(&network, 37, NULL, 0, 3, SN_TANH, &err), SN_OK);
    float *p = sn_alloc(3 * network.arena, sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < 37; i++) {
        p[i] = 1;          /* norm 6.08 */
        p[37 + i] = 0.01F; /* norm 0.06 */
        p[74 + i] = i == 5 ? -3.0F : 0.0F;
    }
    const sn_optimizer o = {.kind = SN_HEAVY_BALL, .max_norm = 2};
    update(&o, &network, 1, 0.1, 1, p + network.arena, p + 2 * network.arena, p);
    double norms[3] = {0};
    for (int unit = 0; unit < 3; unit++) {
        for (int i = 0; i < 37; i++) {
            norms[unit] += (double)p[37 * unit + i] * (double)p[37 * unit + i];
        }
    }
    assert_true(fabs(sqrt(norms[0]) - 2) < 1e-5);
    assert_true(p[37] == 0.01F);
    assert_true(fabs(sqrt(norms[2]) - 2) < 1e-5);

    p[0] = 3e19F; /* its square exceeds float32, and the weight must not change */
    update(&o, &network, 1, 0.1, 1, p + network.arena, p + 2 * network.arena, p);
    assert_true(p[0] == 3e19F);
    free(p);
    sn_network_clear(&network);
}

static void updates_follow_the_formulas_of_adamw(void **state)
{
    (void)state;
    enum { W, B, UNITS = 2 };
    sn_network network;
    sn_error err;
    assert_int_equal(sn_network_init(&network, 1, NULL, 0, 1, SN_TANH, &err), SN_OK);
    const size_t at[UNITS] = {network.layer[0].weight, network.layer[0].bias};
    const sn_optimizer o = {.kind = SN_ADAMW,
                            .beta1 = 0.8,
                            .beta2 = 0.95,
                            .epsilon = 0.01,
                            .weight_decay = 0.3,
                            .l1 = 0.01,
                            .l2 = 0.1};
    float memory[3 * 64] = {0}, g[64] = {0};
    assert_true(network.arena <= 64);
    const sn_state s = sn_state_at(&o, &network, memory);
    assert_int_equal(s.elements, 3 * network.arena);
    double p[UNITS] = {0.5, -0.25}, v[UNITS] = {0}, q[UNITS] = {0};
    s.parameters[at[W]] = 0.5F;
    s.parameters[at[B]] = -0.25F;
    for (int t = 1; t <= 4; t++) {
        g[at[W]] = 2 + (float)t;
        g[at[B]] = -4;
        sn_optimizer_update(&o, &network, whole, &(sn_update){t, 0.05, 0.25}, g, &s,
                            NULL);
        for (int i = 0; i < UNITS; i++) {
            const double sum = 0.25 * (i == W ? 2 + t : -4);
            const double gradient =
                i == W ? sum + 0.1 * p[i] + 0.01 * (p[i] > 0 ? 1 : -1) : sum;
            v[i] = 0.8 * v[i] + 0.2 * gradient;
            q[i] = 0.95 * q[i] + 0.05 * gradient * gradient;
            p[i] -= 0.05 * (v[i] / (1 - pow(0.8, t)) /
                                (sqrt(q[i] / (1 - pow(0.95, t))) + 0.01) +
                            (i == W ? 0.3 * p[i] : 0));
            assert_true(relative_difference((double)s.parameters[at[i]], p[i], 0) <
                        1e-6);
            assert_true(relative_difference((double)s.velocity[at[i]], v[i], 0) < 1e-6);
            assert_true(relative_difference((double)s.second_moment[at[i]], q[i], 0) <
                        1e-6);
        }
    }
    sn_network_clear(&network);
}

/* Subnormal squares would be slow, and a moment must not become subnormal. */
static void tiny_gradients_have_no_second_moment(void **state)
{
    (void)state;
    sn_network network;
    sn_error err;
    assert_int_equal(sn_network_init(&network, 1, NULL, 0, 1, SN_TANH, &err), SN_OK);
    const sn_optimizer o = {
        .kind = SN_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    float memory[3 * 64] = {0}, g[64] = {1e-19F};
    const sn_state s = sn_state_at(&o, &network, memory);
    const sn_update factors = {1, 0.001, 1};
    sn_optimizer_update(&o, &network, whole, &factors, g, &s, NULL);
    assert_true(s.second_moment[0] == 0 && s.velocity[0] > 0);
    g[0] = 1e-16F;
    sn_optimizer_update(&o, &network, whole, &factors, g, &s, NULL);
    assert_true(s.second_moment[0] > FLT_MIN);
    g[0] = 0;
    s.second_moment[0] = s.velocity[0] = FLT_MIN;
    sn_optimizer_update(&o, &network, whole, &factors, g, &s, NULL);
    assert_true(s.second_moment[0] == 0 && s.velocity[0] == 0);
    sn_network_clear(&network);
}

static void the_average_follows_its_formula(void **state)
{
    (void)state;
    sn_network network;
    sn_error err;
    assert_int_equal(sn_network_init(&network, 1, NULL, 0, 1, SN_TANH, &err), SN_OK);
    const size_t at[] = {network.layer[0].weight, network.layer[0].bias};
    const sn_optimizer o = {.kind = SN_HEAVY_BALL, .momentum = 0.5, .average = 0.25};
    float memory[3 * 64] = {0}, g[64] = {0};
    const sn_state s = sn_state_at(&o, &network, memory);
    assert_int_equal(s.elements, 3 * network.arena);
    assert_ptr_equal(sn_state_evaluated(&s), s.average);
    s.parameters[at[0]] = 0.5F;
    s.parameters[at[1]] = -0.25F;
    sn_state_start_average(&network, &s);
    double average[] = {0.5, -0.25};
    for (int t = 1; t <= 4; t++) {
        g[at[0]] = 2;
        g[at[1]] = (float)t;
        sn_optimizer_update(&o, &network, whole, &(sn_update){t, 0.05, 1}, g, &s, NULL);
        const double decay = fmin(0.25, (1.0 + t) / (10.0 + t)); /* 0.18, then 0.25 */
        for (int i = 0; i < 2; i++) {
            const double w = (double)s.parameters[at[i]];
            average[i] = decay * average[i] + (1 - decay) * w;
            assert_true(relative_difference((double)s.average[at[i]], average[i], 0) <
                        1e-6);
        }
    }
    sn_network_clear(&network);
}

static void clipping_limits_the_norm_of_the_gradient(void **state)
{
    (void)state;
    static const size_t hidden[] = {150, 7};
    sn_network network;
    sn_error err;
    assert_int_equal(sn_network_init(&network, 97, hidden, 2, 3, SN_TANH, &err), SN_OK);
    const size_t blocks = sn_clip_blocks(&network);
    assert_in_range(blocks, 3, 9);
    float *g = sn_alloc(network.arena, sizeof *g);
    double squares[9], parts[9], sum = 0;
    assert_non_null(g);
    for (size_t i = 0; i < network.arena; i++) {
        g[i] =
            1e30F * ((float)(i * 7919 % 101) / 101 - 0.5F); /* squares exceed float32 */
        sum += (double)g[i] * (double)g[i];
    }
    sn_clip_squares(&network, whole, g, squares);
    for (int count = 1; count <= 12; count++) {
        memset(parts, 0, sizeof parts);
        for (int part = 0; part < count; part++) {
            sn_clip_squares(&network, (sn_arena_part){part, count}, g, parts);
        }
        assert_memory_equal(parts, squares, blocks * sizeof *squares);
    }
    const double norm = 0.25 * sqrt(sum);
    assert_true(relative_difference(sn_clip_factor(&network, 2, 0.25, squares),
                                    2 / norm, 0) < 1e-12);
    assert_true(sn_clip_factor(&network, 1.001 * norm, 0.25, squares) == 1);
    free(g);
    sn_network_clear(&network);
}

static void the_parts_of_an_update_have_the_bits_of_the_whole(void **state)
{
    (void)state;
    sn_network network;
    sn_error err;
    const size_t hidden[] = {13, 7};
    static const sn_rule rules[] = {SN_NESTEROV, SN_ADAMW};
    const sn_update factors = {3, 0.1, 0.5};
    assert_int_equal(sn_network_init(&network, 37, hidden, 2, 3, SN_TANH, &err), SN_OK);
    const size_t arena = network.arena;
    for (int r = 0; r < 2; r++) {
        const sn_optimizer o = {.kind = rules[r],
                                .momentum = 0.9,
                                .beta1 = 0.9,
                                .beta2 = 0.99,
                                .epsilon = 1e-4,
                                .weight_decay = 0.1,
                                .l2 = 0.01,
                                .average = r == 0 ? 0 : 0.9,
                                .max_norm = 0.2};
        const size_t elements = sn_state_elements(&o, &network);
        /* the gradient, then the state before, after a whole update, and in parts */
        float *memory = sn_alloc(arena + 3 * elements, sizeof *memory);
        assert_non_null(memory);
        float *const before = memory + arena, *const expected = before + elements;
        const sn_state all = sn_state_at(&o, &network, expected);
        const sn_state found = sn_state_at(&o, &network, expected + elements);
        for (size_t i = 0; i < arena + elements; i++) {
            memory[i] = (float)(i * 7919 % 101) / 101;
        }
        memcpy(expected, before, elements * sizeof *memory);
        sn_optimizer_update(&o, &network, whole, &factors, memory, &all, NULL);
        for (int parts = 1; parts <= 70; parts++) {
            memcpy(found.parameters, before, elements * sizeof *memory);
            for (int part = parts - 1; part >= 0; part--) {
                sn_optimizer_update(&o, &network, (sn_arena_part){part, parts},
                                    &factors, memory, &found, NULL);
            }
            assert_memory_equal(found.parameters, expected, elements * sizeof *memory);
        }
        free(memory);
    }
    sn_network_clear(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_follow_the_formulas_of_momentum),
        cmocka_unit_test(updates_follow_the_formulas_of_adamw),
        cmocka_unit_test(clipping_limits_the_norm_of_the_gradient),
        cmocka_unit_test(the_average_follows_its_formula),
        cmocka_unit_test(tiny_gradients_have_no_second_moment),
        cmocka_unit_test(a_subnormal_velocity_becomes_zero),
        cmocka_unit_test(max_norm_limits_each_row_of_weights),
        cmocka_unit_test(the_parts_of_an_update_have_the_bits_of_the_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
