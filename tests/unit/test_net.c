/* The network's passes: backends and pieces change rounding only. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "shardnet/mem.h"
#include "shardnet/net.h"
#include "shardnet/rng.h"

enum { ROWS = 67, INPUT = 131, CLASSES = 10 };

typedef struct fixture {
    sn_model model;
    sn_workspace workspace;
    float *parameters, *gradient, *x;
    uint8_t labels[ROWS];
    uint32_t samples[ROWS];
} fixture;

/* In (-1, 1). */
static void fill(uint32_t stream, size_t count, float *into)
{
    sn_rng rng;
    sn_rng_init(&rng, 7, SN_RNG_INIT, stream, 0, 0);
    for (size_t i = 0; i < count; i++) {
        into[i] = sn_rng_between(&rng, -1, 1);
    }
}

static void open_fixture(fixture *f, const size_t *hidden, size_t layers)
{
    sn_error err;
    *f = (fixture){.x = sn_alloc(ROWS * INPUT, sizeof(float))};
    assert_int_equal(
        sn_model_init(&f->model, INPUT, hidden, layers, CLASSES, SN_TANH, &err), SN_OK);
    assert_int_equal(sn_workspace_init(&f->workspace, &f->model, ROWS, 1, &err), SN_OK);
    f->parameters = sn_alloc(f->model.arena, sizeof(float));
    f->gradient = sn_alloc(f->model.arena, sizeof(float));
    assert_true(f->x != NULL && f->parameters != NULL && f->gradient != NULL);
    for (size_t l = 0; l < f->model.layers; l++) {
        const sn_layer *layer = &f->model.layer[l];
        fill((uint32_t)l + 1, layer->in * layer->out, f->parameters + layer->weight);
        for (size_t i = 0; i < layer->in * layer->out; i++) {
            f->parameters[layer->weight + i] /= sqrtf((float)layer->in);
        }
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        f->labels[i] = (uint8_t)(i % CLASSES);
        f->samples[i] = i;
    }
}

static void close_fixture(fixture *f)
{
    sn_workspace_clear(&f->workspace, &f->model);
    sn_model_clear(&f->model);
    free(f->parameters);
    free(f->gradient);
    free(f->x);
}

static sn_pass pass(fixture *f, size_t rows, float *gradient)
{
    const sn_dropout dropout = {.input = 0.2, .hidden = 0.3, .seed = 1};
    fill(0, ROWS * INPUT, f->x);
    return sn_net_gradient(&f->model, f->parameters, &f->workspace, f->x, f->labels,
                           f->samples, rows, &dropout, gradient);
}

static double worst(size_t count, const float *a, const float *b)
{
    double found = 0;
    for (size_t i = 0; i < count; i++) {
        found = fmax(found, relative_difference((double)a[i], (double)b[i], 1));
    }
    return found;
}

/* What an observer saw. */
typedef struct seen {
    const fixture *f;
    size_t calls, first;
    int grew;       /* first went up again */
    float *copy;    /* the gradient as it was when it was said to be final */
    size_t changes; /* of what was final already */
} seen;

static void look(void *user, size_t first)
{
    seen *s = user;
    const float *gradient = s->f->gradient;
    for (size_t i = s->first; i < s->f->model.arena; i++) {
        s->changes += gradient[i] != s->copy[i];
    }
    s->grew |= s->calls > 0 && first > s->first;
    s->calls++;
    s->first = first;
    memcpy(s->copy + first, gradient + first,
           (s->f->model.arena - first) * sizeof(float));
}

static void pieces_are_final_from_the_end_of_the_arena(void **state)
{
    (void)state;
    static const size_t hidden[] = {1500, 1700}; /* pieces of a few hundred units */
    fixture f;
    open_fixture(&f, hidden, 2);
    float *whole = sn_alloc(f.model.arena, sizeof(float));
    seen s = {.f = &f, .first = f.model.arena};
    s.copy = sn_alloc(f.model.arena, sizeof(float));
    assert_true(whole != NULL && s.copy != NULL);
    const sn_pass plain = pass(&f, ROWS, whole);
    f.workspace.observer = look;
    f.workspace.observer_user = &s;
    const sn_pass observed = pass(&f, ROWS, f.gradient);
    assert_true(plain.loss.sum == observed.loss.sum);
    assert_true(s.calls > 2 * f.model.layers);
    assert_int_equal(s.first, 0);
    assert_false(s.grew);
    assert_int_equal(s.changes, 0);
    assert_true(worst(f.model.arena, whole, f.gradient) < 1e-5);
    free(whole);
    free(s.copy);
    close_fixture(&f);
}

static void backends_agree_within_rounding(void **state)
{
    (void)state;
    static const size_t hidden[] = {30, 129};
    fixture f;
    open_fixture(&f, hidden, 2);
    float *other = sn_alloc(f.model.arena, sizeof(float));
    assert_non_null(other);
    for (size_t rows = 1; rows <= ROWS; rows += 22) {
        f.workspace.backend = SN_BACKEND_OPENBLAS;
        const sn_pass a = pass(&f, rows, f.gradient);
        for (int b = SN_BACKEND_AUTO; b < SN_BACKENDS; b++) {
            if (!sn_gemm_has((sn_backend)b)) {
                print_message("this build has no backend %d\n", b);
                continue;
            }
            f.workspace.backend = (sn_backend)b;
            const sn_pass c = pass(&f, rows, other);
            assert_true(relative_difference(a.loss.sum, c.loss.sum, 1) < 1e-6);
            assert_int_equal(a.loss.correct, c.loss.correct);
            assert_true(worst(f.model.arena, f.gradient, other) < 1e-5);
        }
    }
    free(other);
    close_fixture(&f);
}

static void no_rows_give_a_gradient_of_zero(void **state)
{
    (void)state;
    static const size_t hidden[] = {30};
    fixture f;
    open_fixture(&f, hidden, 1);
    (void)pass(&f, ROWS, f.gradient);
    const sn_pass empty = pass(&f, 0, f.gradient);
    assert_true(empty.loss.sum == 0 && empty.loss.correct == 0);
    for (size_t i = 0; i < f.model.arena; i++) {
        assert_true(f.gradient[i] == 0);
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_final_from_the_end_of_the_arena),
        cmocka_unit_test(backends_agree_within_rounding),
        cmocka_unit_test(no_rows_give_a_gradient_of_zero)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
