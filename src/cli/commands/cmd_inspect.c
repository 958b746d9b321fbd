/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text/number.h"
#include "base/text/shell.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "run/survey.h"
#include "store/checkpoint/checkpoint.h"
#include "store/metrics/metrics.h"
#include "store/paths.h"

enum { LAST_EPOCHS = 5 };

typedef struct arguments {
    const char *target, *choice;
    bool with_config;
} arguments;

static void print_size(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0) {
        const bool small = info.st_size < 1000000;
        printf(" (%.1f %s)", (double)info.st_size / (small ? 1e3 : 1e6),
               small ? "kB" : "MB");
    }
}

static void print_network(const sn_checkpoint_state *shown)
{
    const sn_checkpoint_info *info = &shown->info;
    printf("network    %" PRId64, info->input);
    for (int64_t i = 0; i < info->layers; i++) {
        printf("-%" PRId64, shown->layers[i].out);
    }
    printf(", %s", info->layers > 1 ? info->activation : "no hidden layer");
    if (info->layers > 1 &&
        (info->activation_scale_out != 1 || info->activation_scale_in != 1)) {
        printf(" (%g tanh(%g z))", info->activation_scale_out,
               info->activation_scale_in);
    }
    printf(", %" PRId64 " parameters\n", shown->parameters);
    printf("input      byte * %.9g\n", info->input_scale);
}

static void print_position(const sn_position *position)
{
    printf("progress   %" PRId64 " epochs", position->epoch);
    if (position->step_in_epoch > 0) {
        printf(" and %" PRId64 " steps of the next", position->step_in_epoch);
    }
    printf("; step %" PRId64 ", %" PRId64 " samples seen, %.1f s of training\n",
           position->step, position->samples_seen, position->train_seconds);
    printf("rate       %g at the last step; seed %" PRIu64 "\n",
           position->learning_rate, position->seed);
    if (position->best_epoch > 0) {
        printf("best       %.2f %% validation error after epoch %" PRId64 "\n",
               100 * position->best_error, position->best_epoch);
    } else {
        printf("best       none yet\n");
    }
}

static void print_range(int64_t layer, const char *name, const float *values,
                        int64_t rows, int64_t cols)
{
    double low = values[0], high = values[0], sum = 0, squares = 0;
    const int64_t count = rows * cols;
    for (int64_t i = 0; i < count; i++) {
        const double value = values[i];
        low = value < low ? value : low;
        high = value > high ? value : high;
        sum += value;
        squares += value * value;
    }
    char shape[48];
    snprintf(shape, sizeof shape, "%" PRId64 " x %" PRId64, rows, cols);
    printf("%5" PRId64 "  %-9s %14s %12.4g %12.4g %12.4g %12.4g\n", layer, name, shape,
           low, sum / (double)count, high, sqrt(squares / (double)count));
}

static void print_ranges(const sn_checkpoint_state *shown)
{
    printf("\nlayer  tensor       (out x in)          min         mean          max"
           "          rms\n");
    for (int64_t i = 0; i < shown->info.layers; i++) {
        const sn_layer_tensors *layer = &shown->layers[i];
        print_range(i, "weight", layer->weight, layer->out, layer->in);
        print_range(i, "velocity", layer->weight_velocity, layer->out, layer->in);
        if (shown->info.second_moments) {
            print_range(i, "square", layer->weight_second_moment, layer->out,
                        layer->in);
        }
        if (shown->info.averaged) {
            print_range(i, "current", layer->weight_current, layer->out, layer->in);
        }
    }
}

static sn_status print_page(const char *path, void *user, sn_error *err)
{
    const arguments *given = user;
    sn_checkpoint_state shown;
    sn_status status = sn_checkpoint_load(path, &shown, err);
    if (status == SN_OK) {
        const sn_checkpoint_info *info = &shown.info;
        printf("%sfile       %s", sn_is_folder(given->target) ? "\n" : "", path);
        print_size(path);
        printf("\nformat     shardnet checkpoint, version %" PRId64
               "; by shardnet %s, %s\n",
               info->format_version, info->program_version, info->created_utc);
        print_network(&shown);
        print_position(&info->position);
        printf("data       %s, %" PRId64 " training samples\n", info->data_source,
               info->train_count);
        printf("           SHA-256 %s\n", info->train_digest);
        printf("digest     %s, verified\n", info->digest);
        print_ranges(&shown);
        if (given->with_config) {
            printf("\n%s", info->config_text);
        }
    }
    sn_checkpoint_state_clear(&shown);
    return status;
}

/* Prints the line of a checkpoint; user points to the number of lines so far. */
static sn_status print_checkpoint_line(const char *path, void *user, sn_error *err)
{
    size_t *lines = user;
    sn_checkpoint *checkpoint;
    sn_checkpoint_info info;
    sn_error why = {""};
    const char *name = strrchr(path, '/') + 1;
    const char *remark = strcmp(name, SN_BEST_FILE) == 0 ? "  (best)"
                         : *lines == 0                   ? "  (newest)"
                                                         : "";
    (void)err;
    if ((*lines)++ == 0) {
        printf("checkpoints\n");
    }
    if (sn_checkpoint_open(path, &checkpoint, &info, &why) == SN_OK) {
        printf("  %-20s epoch %5" PRId64 "  step %9" PRId64 "  %s%s\n", name,
               sn_position_epoch(&info.position), info.position.step, info.created_utc,
               remark);
        sn_checkpoint_close(&checkpoint);
    } else if (sn_file_exists(path)) { /* else the job has removed it */
        printf("  %-20s %s%s\n", name, why.message, remark);
    }
    return SN_OK;
}

static void print_percent(double fraction)
{
    if (isnan(fraction)) {
        printf("        -");
    } else {
        printf(" %7.2f%%", 100 * fraction);
    }
}

/* Prints the last epochs; if the metrics cannot be read, prints the reason instead. */
static void print_last_epochs(const char *path)
{
    sn_epoch_row *rows;
    size_t count;
    sn_error why = {""};
    if (sn_metrics_read_epochs(path, &rows, &count, &why) != SN_OK) {
        printf("last epochs\n  %s\n", why.message);
        return;
    }
    printf("last epochs, of %zu\n", count);
    printf("  epoch       step       loss    train    valid     test error\n");
    for (size_t i = count > LAST_EPOCHS ? count - LAST_EPOCHS : 0; i < count; i++) {
        char loss[SN_NUMBER_BYTES];
        printf("  %5" PRId64 " %10" PRId64 " %10s", rows[i].epoch, rows[i].step,
               sn_number_text(rows[i].train_loss, 5, loss));
        print_percent(rows[i].train_error);
        print_percent(rows[i].validation_error);
        print_percent(rows[i].test_error);
        printf("\n");
    }
    free(rows);
}

static sn_status print_result(arguments *given, sn_error *err)
{
    sn_target_found found;
    const sn_status status =
        sn_target_result(given->target, given->choice, print_page, given, &found, err);
    if (status == SN_OK) {
        sn_job_warn(&found.notice);
    }
    return status;
}

static void ignore(void *user, const char *format, ...) SN_PRINTF(2, 3);

static void ignore(void *user, const char *format, ...)
{
    (void)user, (void)format;
}

/* Prints the command that continues or follows the run. */
static void print_next(const char *folder)
{
    sn_survey found;
    sn_error why;
    char path[SN_PATH_BYTES], config[SN_QUOTED_BYTES], run[SN_QUOTED_BYTES];
    if (sn_path_join(path, folder, SN_CONFIG_FILE, &why) != SN_OK ||
        sn_run_survey(folder, ignore, NULL, &found, &why) != SN_OK) {
        return; /* the lines above show the reason */
    }
    sn_shell_quote(folder, run);
    printf("\nnext       ");
    if (found.holder[0] != '\0') {
        printf("running; follow it: shardnet metrics %s --follow\n", run);
        return;
    }
    const char *more = !found.finished ? ""
                       : found.position.epoch < found.epochs
                           ? " --set train.early_stop_patience=N"
                           : " --set train.epochs=N";
    printf("%s: shardnet train %s --out %s --resume%s\n",
           found.finished ? "finished; to train longer" : "continue",
           sn_shell_quote(path, config), run, more);
}

static sn_status run(const void *user, sn_error *err)
{
    arguments given = *(const arguments *)user;
    const char *target = given.target;
    size_t checkpoints = 0;
    char path[SN_PATH_BYTES];
    if (!sn_is_folder(target)) {
        return print_result(&given, err);
    }
    sn_status status = sn_target_each(target, print_checkpoint_line, &checkpoints, err);
    if (status == SN_OK) {
        status = sn_path_join(path, target, SN_METRICS_FILE, err);
    }
    if (status != SN_OK) {
        return status;
    }
    const bool metrics = sn_file_exists(path);
    if (metrics) {
        print_last_epochs(path);
    }
    if (metrics && checkpoints == 0) {
        printf("\nno checkpoint yet\n");
    } else {
        status = print_result(&given, err);
    }
    if (status == SN_OK) {
        print_next(target);
    }
    return status;
}

const sn_command sn_command_inspect = {
    .name = "inspect",
    .summary = "print the contents of a checkpoint or a run",
    .text =
        "Verifies the digest of a checkpoint and prints its contents: network, "
        "progress, data, and the range of each layer's weights and velocities. For the "
        "folder of a run it lists the checkpoints and the last epochs, then prints the "
        "checkpoint with the result, and the command that continues the run. " SN_TEXT_RESULT,
    .operands = {{SN_OPERAND("FILE|RUN", target,
                             "a checkpoint or the folder of a run")}},
    .options = {{SN_FLAG("config", with_config,
                         "also print the configuration in the checkpoint")},
                {SN_OPTION_CHECKPOINT}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .run = run};
