/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "config/config.h"
#include "eval/target.h"
#include "store/checkpoint/checkpoint.h"
#include "store/checkpoint/compare.h"

typedef struct arguments {
    const char *a, *b;
} arguments;

/* One section of the output: its name and differences, or its name and `identical`. */
typedef struct section {
    const char *name;
    bool time;      /* true: only train_seconds; false: all attributes except it */
    size_t printed; /* number of differences */
} section;

static void print_key(void *user, const char *group, const char *key, const char *a,
                      const char *b)
{
    section *shown = user;
    if (shown->printed++ == 0) {
        printf("%s:\n", shown->name);
    }
    printf("  %s%s%s: %s -> %s\n", group, *group != '\0' ? "." : "", key,
           a != NULL ? a : "(not set)", b != NULL ? b : "(not set)");
}

static void print_attribute(void *user, const char *name, const char *a, const char *b)
{
    const section *shown = user;
    if ((strcmp(name, "train_seconds") == 0) == shown->time) {
        print_key(user, "", name, a, b);
    }
}

/* Ends a section.  Returns true if it has a difference. */
static bool end_section(const section *shown)
{
    if (shown->printed == 0) {
        printf("%s: identical\n", shown->name);
    }
    return shown->printed > 0;
}

static bool compare_group(const sn_checkpoint_state *a, const sn_checkpoint_state *b,
                          const char *name, const char *group, bool time)
{
    section shown = {.name = name, .time = time};
    sn_compare_attributes(&a->info, &b->info, group, print_attribute, &shown);
    return end_section(&shown);
}

static void print_shape(int rank, int64_t out, int64_t in)
{
    if (out == 0) {
        printf("none");
    } else if (rank == 2) {
        printf("%" PRId64 " x %" PRId64, out, in);
    } else {
        printf("%" PRId64, out);
    }
}

/* Returns true if the tensors differ. */
static bool print_tensor(const sn_compare_tensor *tensor)
{
    printf("  %-28s ", tensor->name);
    if (!tensor->same_shape) {
        printf("other shape: ");
        print_shape(tensor->rank, tensor->out_a, tensor->in_a);
        printf(" -> ");
        print_shape(tensor->rank, tensor->out_b, tensor->in_b);
        printf("\n");
        return true;
    }
    if (tensor->differing == 0) {
        printf("identical\n");
        return false;
    }
    printf("%" PRId64 " of %" PRId64 " differ, max absolute %.3g, max relative %.3g\n",
           tensor->differing, tensor->count, tensor->max_absolute,
           tensor->max_relative);
    return true;
}

static bool compare_tensors(const sn_checkpoint_state *a, const sn_checkpoint_state *b,
                            const char *name, bool optimizer)
{
    const int64_t layers =
        a->info.layers > b->info.layers ? a->info.layers : b->info.layers;
    bool different = false;
    printf("%s:\n", name);
    for (int64_t layer = 0; layer < layers; layer++) {
        for (int kind = 0; kind < SN_TENSOR_KINDS; kind++) {
            sn_compare_tensor tensor;
            sn_compare_layer(a, b, layer, kind, &tensor);
            if (tensor.optimizer == optimizer &&
                (tensor.out_a > 0 || tensor.out_b > 0)) {
                different |= print_tensor(&tensor);
            }
        }
    }
    return different;
}

static sn_status compare(const sn_checkpoint_state *a, const sn_checkpoint_state *b,
                         sn_error *err)
{
    section config = {.name = "configuration"};
    size_t count;
    (void)compare_group(a, b, "file", "/", false);
    (void)compare_group(a, b, "time", "/progress", true);
    const sn_status status = sn_config_compare(a->info.config_text, b->info.config_text,
                                               print_key, &config, &count, err);
    if (status != SN_OK) {
        return status;
    }
    bool different = end_section(&config);
    different |= compare_group(a, b, "progress", "/progress", false);
    different |= compare_group(a, b, "data", "/data", false);
    different |= compare_group(a, b, "model", "/model", false);
    different |= compare_tensors(a, b, "weights", false);
    different |= compare_tensors(a, b, "optimizer", true);
    printf("%s\n", different ? "different" : "identical");
    return different ? SN_EDIFFERENT : SN_OK;
}

static sn_status load_file(const char *path, void *user, sn_error *err)
{
    return sn_checkpoint_load(path, user, err);
}

static sn_status load(const char *name, const char *target, sn_checkpoint_state *state,
                      sn_error *err)
{
    char path[SN_PATH_BYTES];
    const sn_status status = sn_target_newest(target, path, load_file, state, err);
    if (status == SN_OK) {
        printf("%s: %s\n", name, path);
    }
    return status;
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    sn_checkpoint_state a = {0}, b = {0};
    sn_status status = load("A", given->a, &a, err);
    if (status == SN_OK) {
        status = load("B", given->b, &b, err);
    }
    if (status == SN_OK) {
        status = compare(&a, &b, err);
    }
    if (status == SN_EDIFFERENT) {
        err->message[0] = '\0'; /* a difference is no error */
    }
    sn_checkpoint_state_clear(&a);
    sn_checkpoint_state_clear(&b);
    return status;
}

const sn_command sn_command_diff = {
    .name = "diff",
    .summary = "print the differences between two checkpoints or runs",
    .text =
        "Compares two checkpoints, or the newest checkpoints of two runs: "
        "configuration, progress, data, model, and each tensor of weights and "
        "velocities. For each tensor it prints the number of values that differ in any "
        "bit, the largest absolute difference, and the largest relative difference |a "
        "- b| / max(|a|, |b|).\n\n"
        "The last line is `identical`, with exit code 0, or `different`, with exit code "
        "1. The sections `file` (date and program version) and `time` (seconds of "
        "training) do not affect it.",
    .operands = {{SN_OPERAND("A", a, "a checkpoint or the folder of a run")},
                 {SN_OPERAND("B", b, "the checkpoint or run to compare with")}},
    .tasks = SN_TASKS_EACH,
    .bytes = sizeof(arguments),
    .run = run};
