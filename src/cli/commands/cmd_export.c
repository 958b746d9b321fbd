/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/job.h"
#include "eval/export/export.h"

static const char *const formats[] = {
    [SN_EXPORT_ONNX] = "onnx", [SN_EXPORT_SAFETENSORS] = "safetensors", NULL};

enum { BY_NAME = -1 };

typedef struct arguments {
    sn_words checkpoints;
    const char *choice, *output;
    int format;
} arguments;

/* *format := the given format, or the one in the ending of the file's name. */
static sn_status find_format(const arguments *given, int *format, sn_error *err)
{
    const char *dot = strrchr(given->output, '.');
    *format = given->format;
    for (int i = 0; *format == BY_NAME && dot != NULL && formats[i] != NULL; i++) {
        *format = strcmp(dot + 1, formats[i]) == 0 ? i : BY_NAME;
    }
    return *format != BY_NAME
               ? SN_OK
               : sn_options_refuse(&sn_command_export, err,
                                   "unknown format (%s): the name does not end in "
                                   ".onnx or .safetensors; give --format",
                                   given->output);
}

static sn_status write_models(const sn_model *first, int format, const char *path,
                              sn_error *err)
{
    const size_t count = sn_model_members(first);
    sn_export *members = calloc(count, sizeof *members);
    if (members == NULL) {
        return sn_fail(err, SN_ENOMEM, "export: out of memory");
    }
    sn_export *member = members;
    sn_status status = SN_OK;
    for (const sn_model *m = first; m != NULL && status == SN_OK; m = m->next) {
        if (m->spec.width > 0) {
            status = sn_fail(err, SN_ECONFIG,
                             "cannot export (%s): data.width = %zu is no part of the "
                             "network; export runs with data.width = 0",
                             m->found.path, m->spec.width);
        }
        *member++ = (sn_export){
            .info = &m->info, .network = &m->network, .parameters = m->parameters};
    }
    if (status == SN_OK) {
        status = sn_export_write(members, count, (sn_export_format)format, path, err);
    }
    free(members);
    return status;
}

static sn_status run(const void *user, sn_error *err)
{
    const arguments *given = user;
    sn_model *model = NULL;
    int format;
    sn_status status = find_format(given, &format, err);
    if (status == SN_OK && format == SN_EXPORT_SAFETENSORS &&
        given->checkpoints.count > 1) {
        return sn_options_refuse(&sn_command_export, err,
                                 "safetensors holds one network (%s): give one run, or "
                                 "the format onnx",
                                 given->output);
    }
    if (status == SN_OK) {
        status = sn_job_models(NULL, &given->checkpoints, given->choice, &model, err);
    }
    if (status == SN_OK) {
        status = write_models(model, format, given->output, err);
    }
    if (status == SN_OK) {
        printf("%s\n", given->output);
        for (const sn_model *m = model; m != NULL; m = m->next) {
            printf("checkpoint %s: epoch %" PRId64 ", step %" PRId64 "\n",
                   m->found.path, sn_position_epoch(&m->info.position),
                   m->info.position.step);
        }
    }
    sn_model_destroy(&model);
    return status;
}

const sn_command sn_command_export = {
    .name = "export",
    .summary = "write a trained network for PyTorch, ONNX Runtime and others",
    .text =
        "Writes the network of a checkpoint, or of the result of a run, to FILE, whose "
        "content replaces an existing file. " SN_TEXT_RESULT "\n\n"
        "The input of the network is float32, (N, features): the bytes of the pixels, "
        "row by row, divided by 255. The file records network, activation, input scale, "
        "epoch, step and the digest of the checkpoint.\n\n"
        "onnx: input `pixels`, outputs `logits` and `probabilities`, operator set 13; of "
        "several runs the mean of the probabilities, and logits that are its logarithm. "
        "safetensors: layer L, from 0, is `2L.weight` (out, in) and `2L.bias` (out), "
        "the names of torch.nn.Sequential(Linear, activation, Linear, ...).",
    .operands = {{SN_OPERAND_RUNS}},
    .options = {{SN_TEXT("output", "FILE", output, "path of the file"), .letter = 'o',
                 .required = true},
                {SN_CHOICE("format", formats, format,
                           "format of the file (by the ending of its name)")},
                {SN_OPTION_CHECKPOINT}},
    .tasks = SN_TASKS_FIRST,
    .bytes = sizeof(arguments),
    .defaults = &(const arguments){.format = BY_NAME},
    .run = run};
