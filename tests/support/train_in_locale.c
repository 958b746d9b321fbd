/* SPDX-License-Identifier: BSD-3-Clause */
/* train_in_locale WHEN RUN SECTION.KEY=VALUE...: trains or resumes RUN and evaluates
 * it, as a program that uses the locale de_DE.UTF-8, with a decimal comma:
 *     never    does not set the locale
 *     first    sets it before the first call of the library
 *     between  sets it after the configuration is read
 *     thread   sets it for the main thread only, by uselocale
 * Exits with 99 if a call of the library changes the locale. */
#define _POSIX_C_SOURCE 200809L
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shardnet/shardnet.h"

static const char text[] =
    "[data]\nsource = synthetic\ntrain_limit = 300\nvalidation = 50\n"
    "[model]\nhidden = 8\ndropout_hidden = 0.25\ninit_scale = 1e-1\n"
    "[optimizer]\nlearning_rate = 0.05\nmomentum = 0.875\n"
    "[train]\nepochs = 2\nbatch = 30\n[comm]\ntimeout_seconds = 45.5\n"
    "[metrics]\nevery_steps = 1\n";

static locale_t of_thread = LC_GLOBAL_LOCALE;

static void fail(int code, const char *message)
{
    fprintf(stderr, "%s\n", message);
    exit(code);
}

static void set_locale(const char *when, const char *now)
{
    if (strcmp(when, now) == 0 && setlocale(LC_ALL, "de_DE.UTF-8") == NULL) {
        fail(98, "no locale de_DE.UTF-8");
    }
    if (strcmp(when, "thread") == 0 && strcmp(now, "first") == 0) {
        of_thread = newlocale(LC_ALL_MASK, "de_DE.UTF-8", (locale_t)0);
        if (of_thread == (locale_t)0) {
            fail(98, "no locale de_DE.UTF-8");
        }
        uselocale(of_thread);
    }
}

/* Ends the program if the status is an error, or if the locale is no longer its own. */
static void check(sn_status status, const sn_error *err, const char *point)
{
    char half[8];
    snprintf(half, sizeof half, "%.1f", 0.5);
    if (uselocale((locale_t)0) != of_thread || strcmp(half, point) != 0) {
        fail(99, "the library changes the locale");
    }
    if (status != SN_OK && status != SN_ESTOPPED) {
        fail(sn_status_exit_code(status), err->message);
    }
}

static void end_at_hang(const char *message, void *user)
{
    (void)user;
    fail(97, message != NULL ? message : "hang");
}

static sn_config *configure(const char *when, int count, char **assignments)
{
    const char *const point = strcmp(when, "never") == 0 ? "0.5" : "0,5";
    const char *const now = strcmp(when, "between") == 0 ? "0.5" : point;
    sn_error err = {""};
    sn_config *config = NULL;
    set_locale(when, "first");
    check(sn_config_create(&config, &err), &err, now);
    check(sn_config_parse(config, text, "text", &err), &err, now);
    for (int i = 0; i < count; i++) {
        check(sn_config_set(config, assignments[i], &err), &err, now);
    }
    set_locale(when, "between");
    check(sn_config_check(config, &err), &err, point);
    return config;
}

/* Rank 0 writes the text of the configuration and the list of keys to RUN.keys. */
static void print_configuration(const sn_comm *comm, const sn_config *config,
                                const char *run, const char *point)
{
    const sn_error err = {"cannot print the configuration"};
    char path[256];
    snprintf(path, sizeof path, "%s.keys", run);
    FILE *out = sn_comm_rank(comm) == 0 ? fopen(path, "w") : NULL;
    char *written = sn_config_text(config);
    check(written != NULL ? SN_OK : SN_ENOMEM, &err, point);
    if (out != NULL) {
        fputs(written, out);
        sn_config_help(out);
        check(fclose(out) == 0 ? SN_OK : SN_EIO, &err, point);
    }
    free(written);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fail(64, "usage: train_in_locale never|first|between|thread RUN "
                 "SECTION.KEY=VALUE...");
    }
    const char *const point = strcmp(argv[1], "never") == 0 ? "0.5" : "0,5";
    sn_error err = {""};
    sn_comm *comm = NULL;
    if (sn_comm_start(&argc, &argv, &comm, &err) != SN_OK) {
        fail(70, err.message);
    }
    sn_config *config = configure(argv[1], argc - 3, argv + 3);
    print_configuration(comm, config, argv[2], point);
    sn_train_result result;
    const sn_train_options options = {.run = argv[2],
                                      .resume = SN_RESUME_AUTO,
                                      .out = stdout,
                                      .warnings = stderr,
                                      .on_hang = end_at_hang};
    check(sn_train(comm, config, &options, &result, &err), &err, point);
    sn_model *model = NULL;
    sn_evaluation evaluation = {0};
    check(sn_model_load(comm, argv[2], &model, &err), &err, point);
    check(sn_model_evaluate(comm, model, NULL, SN_SPLIT_VALIDATION, &evaluation, &err),
          &err, point);
    if (sn_comm_rank(comm) == 0) {
        printf("evaluated %lld of %lld, loss %lld e-12\n",
               (long long)evaluation.correct, (long long)evaluation.count,
               (long long)(1e12 * evaluation.loss));
    }
    sn_model_destroy(&model);
    sn_config_destroy(&config);
    sn_comm_finish(&comm);
    return 0;
}
