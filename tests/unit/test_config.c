/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration: parsing, refusals with line numbers, text that parses back. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

static sn_status parse(sn_config *config, const char *text, sn_error *err)
{
    sn_config_init(config);
    return sn_config_parse(config, text, "x.ini", err);
}

static void keys_are_read(void **state)
{
    (void)state;
    static sn_config c;
    sn_error err;
    assert_int_equal(
        parse(&c,
              "; comment\n[model]\nhidden = 800, 400,200\nactivation=relu\n"
              "# another\n[optimizer]\nlearning_rate = 2.5e-2 ; inline\n"
              "[train]\nseed = 9000000000000000\n[compute]\nthreads = auto\n",
              &err),
        SN_OK);
    assert_int_equal(c.model_hidden.count, 3);
    assert_int_equal(c.model_hidden.width[0], 800);
    assert_int_equal(c.model_hidden.width[2], 200);
    assert_int_equal(c.model_activation, SN_RELU);
    assert_true(c.optimizer_learning_rate == 0.025);
    assert_int_equal(c.train_seed, 9000000000000000);
    assert_int_equal(c.compute_threads, 0);
    assert_int_equal(c.train_batch, 64);
    assert_int_equal(parse(&c, "[model]\nhidden =\n", &err), SN_OK);
    assert_int_equal(c.model_hidden.count, 0);
}

static void refusals_name_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where;
    } cases[] = {{"[model]\nhiden = 30\n", "x.ini:2"},
                 {"[train]\n\nepochs = 0\n", "x.ini:3"},
                 {"[train]\nepochs = many\n", "x.ini:2"},
                 {"[train]\nepochs = 3.5\n", "x.ini:2"},
                 {"[train]\nbatch = 0\n", "x.ini:2"},
                 {"[train]\nbatch = 99999999999999999999\n", "x.ini:2"},
                 {"[model]\ndropout_hidden = 1.0\n", "x.ini:2"},
                 {"[model]\ndropout_input = -0.1\n", "x.ini:2"},
                 {"[model]\nhidden = 30, 0\n", "x.ini:2"},
                 {"[model]\nhidden = 30,\n", "x.ini:2"},
                 {"[model]\nhidden = 30 40\n", "x.ini:2"},
                 {"[model]\nactivation = swish\n", "x.ini:2"},
                 {"[optimizer]\nmomentum = 1.5\n", "x.ini:2"},
                 {"[optimizer]\nmomentum = 1\n", "x.ini:2"},
                 {"[optimizer]\nlearning_rate = -1\n", "x.ini:2"},
                 {"[optimizer]\nlearning_rate = nan\n", "x.ini:2"},
                 {"[optimizer]\nl2 = inf\n", "x.ini:2"},
                 {"[optimizer]\nl2 = 1\nl2 = 2\n", "x.ini:3"},
                 {"[nothing]\nl2 = 1\n", "x.ini:2"},
                 {"[nothing]\n[optimizer]\nl2 = 1\n", "x.ini:1"},
                 {"[optimizer]\nl2 = 1\n[nothing]\n", "x.ini:3"},
                 {"[nothing]\n[optimizer]\nl2 = no\n", "x.ini:1"},
                 {"[optimizer]\nl2 = no\n[nothing]\n", "x.ini:2"},
                 {"l2 = 1\n[optimizer]\n", "x.ini:1"},
                 {"[model]\n\n\nnonsense\n", "x.ini:4"},
                 {"[model\nhidden = 3\n", "x.ini:1"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static sn_config c;
        sn_error err = {""};
        assert_int_equal(parse(&c, cases[i].text, &err), SN_ECONFIG);
        if (strstr(err.message, cases[i].where) == NULL) {
            fail_msg("case %zu: '%s' does not name %s", i, err.message, cases[i].where);
        }
    }
}

static void refusals_give_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {{"[nothing]\n", "unknown section"},
                 {"[trian]\n", "did you mean [train]?"},
                 {"[train]\nepoch = 1\n", "did you mean train.epochs?"},
                 {"[trian]\nepochs = 1\n", "did you mean train.epochs?"},
                 {"[model]\nepochs = 1\n", "did you mean train.epochs?"},
                 {"[train]\ncolour = 1\n", "lists the keys"},
                 {"epochs = 1\n", "before the first [section]"},
                 {"[model]\nhidden = 2147483648\n", "too large"},
                 {"[model]\nhidden = 3, 99999999999999999999\n", "too large"},
                 {"[model]\nhidden = -3\n", "at least 1"},
                 {"[optimizer]\nlearning_rate = 1e-400\n", "too close to 0"},
                 {"[compute]\nthreads = AUTO\n", "or auto"},
                 {"[compute]\nthreads = 5000\n", "or auto"},
                 {"[comm]\ntimeout_seconds = AUTO\n", "is not a number or auto"},
                 {"[comm]\ntimeout_seconds = -1\n", "[0, 1e+06] or auto"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static sn_config c;
        sn_error err = {""};
        assert_int_equal(parse(&c, cases[i].text, &err), SN_ECONFIG);
        if (strstr(err.message, cases[i].why) == NULL) {
            fail_msg("case %zu: '%s' lacks '%s'", i, err.message, cases[i].why);
        }
    }
}

/* Parses text, applies assignment unless it is NULL, and expects that the check fails
 * and names where. */
static void expect_checked(const char *text, const char *assignment, const char *where)
{
    static sn_config c;
    sn_error err = {""};
    assert_int_equal(parse(&c, text, &err), SN_OK);
    if (assignment != NULL) {
        assert_int_equal(sn_config_set(&c, assignment, &err), SN_OK);
    }
    assert_int_equal(sn_config_check(&c, &err), SN_ECONFIG);
    if (strstr(err.message, where) == NULL) {
        fail_msg("'%s' does not name %s", err.message, where);
    }
}

static void cross_key_constraints_name_the_origin(void **state)
{
    (void)state;
#define SYNTHETIC "[data]\nsource = synthetic\n"
    expect_checked(SYNTHETIC "[comm]\nleaves = 3\n", NULL,
                   "(x.ini:4): [comm] leaves: ");
    expect_checked(SYNTHETIC "[comm]\nleaves = 4\n", "comm.leaves=3",
                   "(--set comm.leaves): ");
    expect_checked(SYNTHETIC, "train.early_stop_patience=3",
                   "(--set train.early_stop_patience): ");
    expect_checked(SYNTHETIC "[comm]\ntimeout_seconds = 0.5\n", NULL, "(x.ini:4): ");
    expect_checked("[data]\n\ndir = /a b;\n  c\n", "data.dir=", "(--set data.dir): ");
    static sn_config c;
    sn_error err = {""};
    const sn_dataset_shape shape = {500, 100, 28, 28};
    assert_int_equal(parse(&c, SYNTHETIC "validation = 500\n", &err), SN_OK);
    assert_int_equal(sn_config_check_data(&c, &shape, &err), SN_ECONFIG);
    assert_non_null(strstr(err.message, "(x.ini:3): [data] validation: "));
    assert_int_equal(sn_config_set(&c, "data.validation=499", &err), SN_OK);
    assert_int_equal(sn_config_check_data(&c, &shape, &err), SN_OK);
#undef SYNTHETIC
}

static void the_first_error_is_reported(void **state)
{
    (void)state;
    static sn_config c;
    sn_error err;
    assert_int_equal(parse(&c, "[train]\nbatch = 0\nepochs = 0\n", &err), SN_ECONFIG);
    assert_non_null(strstr(err.message, "x.ini:2"));
    assert_non_null(strstr(err.message, "batch"));
}

static void text_parses_back_to_the_same_values(void **state)
{
    (void)state;
    static sn_config c, d;
    sn_error err;
    assert_int_equal(
        parse(&c,
              "[data]\nsource = synthetic\ndir = /some/where\n[model]\nhidden "
              "= 5, 6\ninit_scale = 0.1\n[optimizer]\nlearning_rate = "
              "0.30000000000000004\nmomentum_kind = nesterov\n[train]\nepochs "
              "= 77\n[compute]\nthreads = 3\n[metrics]\nper_rank = false\n",
              &err),
        SN_OK);
    char *text = sn_config_text(&c);
    assert_non_null(text);
    assert_int_equal(parse(&d, text, &err), SN_OK);
    memset(c.origin, 0, sizeof c.origin);
    memset(d.origin, 0, sizeof d.origin);
    assert_memory_equal(&c, &d, sizeof c);
    free(text);
}

static void paths_of_any_length_parse_back(void **state)
{
    (void)state;
    static sn_config c, d;
    sn_error err;
    for (size_t length = 1; length < SN_PATH_BYTES; length += length < 400 ? 1 : 611) {
        sn_config_init(&c);
        c.data_source = SN_SOURCE_SYNTHETIC;
        memset(c.data_dir, 0, sizeof c.data_dir);
        for (size_t i = 0; i < length; i++) {
            /* a line must not begin with a comment or end in a blank */
            static const char texts[2][8] = {"/ a#b#c", "/;;;#;;"};
            c.data_dir[i] =
                (char)(i % 7 == 1 && i + 1 == length ? '/' : texts[length % 2][i % 7]);
        }
        assert_int_equal(sn_config_check(&c, &err), SN_OK);
        char *text = sn_config_text(&c);
        assert_non_null(text);
        assert_int_equal(parse(&d, text, &err), SN_OK);
        assert_string_equal(c.data_dir, d.data_dir);
        free(text);
    }
    static const char *const wrong[] = {"a ;b", "a #b", " a", "a ", "a\nb", ";a", "#a"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        strcpy(c.data_dir, wrong[i]);
        assert_int_equal(sn_config_check(&c, &err), SN_ECONFIG);
    }
    memset(c.data_dir, ';', 400);
    c.data_dir[0] = '/';
    c.data_dir[400] = '\0';
    assert_int_equal(sn_config_check(&c, &err), SN_ECONFIG);
    assert_int_equal(parse(&c, "[train]\nepochs = 3\n  4\n", &err), SN_ECONFIG);
    assert_non_null(strstr(err.message, "x.ini:3"));
}

static void files_are_read_as_people_write_them(void **state)
{
    (void)state;
    static sn_config c;
    sn_error err;
    static const char format[] = "\xef\xbb\xbf[train] # the loop\r\n"
                                 "\tepochs = 7   # a comment after a value\r\n"
                                 "  batch=32\t; another comment\r\n"
                                 "    # an indented comment\r\n"
                                 "\r\n"
                                 "  [data]\r\n"
                                 "  source = synthetic\r\n"
                                 "  dir = /a#b/c # not d\r\n"
                                 "  validation = 5\r\n"
                                 "[model]\r\n"
                                 "  hidden = 16%s   # two layers\r\n"
                                 "      %s8\r\n"
                                 "[checkpoint]\r\n"
                                 "keep_best = Off\r\n"
                                 "[metrics]\r\n"
                                 "per_rank = YES";
    char text[sizeof format];
    /* The comma of a list must begin the continuation line. */
    snprintf(text, sizeof text, format, ",", "");
    assert_int_equal(parse(&c, text, &err), SN_ECONFIG);
    assert_non_null(strstr(err.message, "x.ini:11"));
    snprintf(text, sizeof text, format, "", ", ");
    assert_int_equal(parse(&c, text, &err), SN_OK);
    assert_int_equal(c.train_epochs, 7);
    assert_int_equal(c.train_batch, 32);
    assert_int_equal(c.data_source, SN_SOURCE_SYNTHETIC);
    assert_string_equal(c.data_dir, "/a#b/c");
    assert_int_equal(c.data_validation, 5);
    assert_int_equal(c.model_hidden.count, 2);
    assert_int_equal(c.model_hidden.width[1], 8);
    assert_false(c.checkpoint_keep_best);
    assert_true(c.metrics_per_rank);
}

static void numbers_are_written_with_few_digits(void **state)
{
    (void)state;
    static sn_config c;
    static const struct {
        double value;
        const char *line;
    } cases[] = {{0.05, "\nlearning_rate = 0.05\n"},
                 {1e-5, "\nlearning_rate = 1e-05\n"},
                 {0.1 + 0.2, "\nlearning_rate = 0.30000000000000004\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sn_config_init(&c);
        c.optimizer_learning_rate = cases[i].value;
        char *text = sn_config_text(&c);
        assert_non_null(text);
        assert_non_null(strstr(text, cases[i].line));
        free(text);
    }
}

static void long_lists_parse_back(void **state)
{
    (void)state;
    static sn_config c, d;
    sn_error err;
    for (size_t count = 0; count <= SN_MAX_HIDDEN; count++) {
        sn_config_init(&c);
        c.model_hidden.count = count;
        for (size_t i = 0; i < SN_MAX_HIDDEN; i++) {
            c.model_hidden.width[i] = i < count ? 2147483647 - i : 0;
        }
        char *text = sn_config_text(&c);
        assert_non_null(text);
        assert_int_equal(parse(&d, text, &err), SN_OK);
        assert_memory_equal(&c.model_hidden, &d.model_hidden, sizeof c.model_hidden);
        free(text);
    }
    assert_int_equal(parse(&c, "[model]\nhidden = 3\n  4\n", &err), SN_ECONFIG);
    assert_non_null(strstr(err.message, "x.ini:3"));
    assert_int_equal(parse(&c, "[model]\nhidden = 3\n  , 0\n", &err), SN_ECONFIG);
}

static void overrides_are_checked_like_lines(void **state)
{
    (void)state;
    static sn_config c;
    sn_error err;
    sn_config_init(&c);
    assert_int_equal(sn_config_set(&c, "train.epochs=4", &err), SN_OK);
    assert_int_equal(c.train_epochs, 4);
    assert_int_equal(sn_config_set(&c, "model.hidden=", &err), SN_OK);
    assert_int_equal(c.model_hidden.count, 0);
    static const char *const wrong[] = {"epochs=4",
                                        "train.epochs",
                                        "train.epoch=4",
                                        "train.epochs=0",
                                        "train.epochs = 4",
                                        "=",
                                        "optimizer.momentum=1.5"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(sn_config_set(&c, wrong[i], &err), SN_ECONFIG);
        assert_non_null(strstr(err.message, "--set"));
    }
}

static void data_folder_comes_from_the_environment(void **state)
{
    (void)state;
    static sn_config c;
    sn_error err;
    char *kept = getenv("SHARDNET_DATA");
    kept = kept == NULL ? NULL : strdup(kept);
    assert_int_equal(setenv("SHARDNET_DATA", "/from/environment", 1), 0);
    sn_config_init(&c);
    assert_string_equal(c.data_dir, "/from/environment");
    static char path[SN_PATH_BYTES + 1];
    memset(path, 'a', SN_PATH_BYTES);
    assert_int_equal(setenv("SHARDNET_DATA", path, 1), 0);
    sn_config_init(&c);
    assert_int_equal(sn_config_check(&c, &err), SN_ECONFIG);
    assert_non_null(
        strstr(err.message, "(SHARDNET_DATA): path longer than 4095 bytes"));
    assert_int_equal(sn_config_set(&c, "data.dir=short", &err), SN_OK);
    assert_int_equal(sn_config_check(&c, &err), SN_OK);
    assert_int_equal(unsetenv("SHARDNET_DATA"), 0);
    sn_config_init(&c);
    assert_string_equal(c.data_dir, "");
    assert_int_equal(sn_config_check(&c, &err), SN_ECONFIG);
    if (kept != NULL) {
        setenv("SHARDNET_DATA", kept, 1);
        free(kept);
    }
}

/* Rows come in pairs: a value that another key makes useless, and a similar
 * configuration that has a meaning. */
static const struct {
    const char *assignments[6], *refused; /* NULL: accepted */
} useless_cases[] = {
    {{"optimizer.schedule=step"}, "(--set optimizer.schedule): step "},
    {{"optimizer.schedule=step", "optimizer.decay=0.5"}, NULL},
    {{"optimizer.schedule=inverse"}, "(--set optimizer.schedule): inverse "},
    {{"optimizer.schedule=inverse", "optimizer.decay=1e-9"}, NULL},
    {{"optimizer.schedule=step", "optimizer.decay=0", "optimizer.decay_every=5"},
     "set decay"},
    {{"optimizer.schedule=cosine", "train.epochs=1"}, NULL},
    {{"optimizer.schedule=warmup_stable_decay", "optimizer.decay_fraction=0"},
     "(--set optimizer.schedule): warmup_stable_decay "},
    {{"optimizer.schedule=warmup_stable_decay"}, NULL},
    {{"optimizer.decay_fraction=0"}, NULL},
    {{"optimizer.warmup_epochs=10.5"}, "(--set optimizer.warmup_epochs): "},
    {{"optimizer.warmup_epochs=10"}, NULL},
    {{"optimizer.warmup_epochs=2", "train.epochs=1"}, "at most [train] epochs"},
    {{"optimizer.warmup_epochs=2", "train.epochs=3"}, NULL},
    {{"augment.kind=affine", "augment.rotation=0", "augment.shear=0",
      "augment.scale=0"},
     "(--set augment.kind): all strengths are 0"},
    {{"augment.kind=affine", "augment.rotation=0", "augment.shear=0", "augment.scale=0",
      "augment.shift=1"},
     NULL},
    {{"augment.kind=elastic", "augment.rotation=0", "augment.shear=0",
      "augment.scale=0", "augment.alpha=0"},
     "(--set augment.kind): all strengths are 0"},
    {{"augment.kind=elastic", "augment.rotation=0", "augment.shear=0",
      "augment.scale=0"},
     NULL},
    {{"model.hidden=", "model.dropout_hidden=0.5"},
     "(--set model.dropout_hidden): there is no hidden layer"},
    {{"model.hidden=", "model.dropout_input=0.5"}, NULL},
    {{"model.init_scale=0"}, "(--set model.init_scale): "},
    {{"model.hidden=", "model.init_scale=0"}, NULL},
    {{"train.early_stop_patience=3"}, "(--set train.early_stop_patience): "},
    {{"train.early_stop_patience=3", "data.validation=100"}, NULL},
    {{"optimizer.kind=adamw"}, "(--set optimizer.kind): "},
    {{"optimizer.kind=adamw", "optimizer.learning_rate=0.1"}, NULL},
    {{"optimizer.weight_decay=0.1"}, "(--set optimizer.weight_decay): "},
    {{"optimizer.kind=adamw", "optimizer.learning_rate=0.001",
      "optimizer.weight_decay=0.1", "optimizer.momentum_kind=nesterov"},
     NULL},
    {{"comm.timeout_seconds=0.5"}, "(--set comm.timeout_seconds): "},
    {{"comm.timeout_seconds=0"}, NULL},
    /* without effect, but without harm */
    {{"optimizer.decay=0.5", "optimizer.decay_every=3"}, NULL},
    {{"augment.rotation=0", "augment.alpha=0"}, NULL},
    {{"optimizer.momentum_kind=nesterov", "optimizer.momentum=0"}, NULL},
    {{"optimizer.learning_rate=0"}, NULL},
    {{"comm.bucket_kib=4", "comm.reduce=node"}, NULL},
    {{"train.eval_every=100"}, NULL},
};

static void useless_values_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof useless_cases / sizeof useless_cases[0]; i++) {
        static sn_config c;
        sn_error err = {""};
        sn_config_init(&c);
        assert_int_equal(sn_config_set(&c, "data.source=synthetic", &err), SN_OK);
        for (size_t j = 0; j < 6 && useless_cases[i].assignments[j] != NULL; j++) {
            assert_int_equal(sn_config_set(&c, useless_cases[i].assignments[j], &err),
                             SN_OK);
        }
        const sn_status status = sn_config_check(&c, &err);
        if (status != (useless_cases[i].refused != NULL ? SN_ECONFIG : SN_OK) ||
            (useless_cases[i].refused != NULL &&
             strstr(err.message, useless_cases[i].refused) == NULL)) {
            fail_msg("case %zu: status %d, '%s'", i, (int)status, err.message);
        }
    }
}

static void long_lines_are_refused(void **state)
{
    (void)state;
    static sn_config c;
    sn_error err;
    char text[1024] = "[model]\n# ";
    memset(text + 10, 'x', 600);
    strcpy(text + 610, "\nhidden = 3\n");
    assert_int_equal(parse(&c, text, &err), SN_OK); /* a long comment */
    assert_int_equal(c.model_hidden.width[0], 3);
    memcpy(text + 8, "hidden = ", 9);
    assert_int_equal(parse(&c, text, &err), SN_ECONFIG);
    assert_non_null(strstr(err.message, "x.ini:2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read),
        cmocka_unit_test(refusals_name_file_and_line),
        cmocka_unit_test(refusals_give_the_reason),
        cmocka_unit_test(cross_key_constraints_name_the_origin),
        cmocka_unit_test(the_first_error_is_reported),
        cmocka_unit_test(text_parses_back_to_the_same_values),
        cmocka_unit_test(paths_of_any_length_parse_back),
        cmocka_unit_test(files_are_read_as_people_write_them),
        cmocka_unit_test(numbers_are_written_with_few_digits),
        cmocka_unit_test(long_lists_parse_back),
        cmocka_unit_test(overrides_are_checked_like_lines),
        cmocka_unit_test(data_folder_comes_from_the_environment),
        cmocka_unit_test(useless_values_are_refused),
        cmocka_unit_test(long_lines_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
