/* SPDX-License-Identifier: BSD-3-Clause */
/** A small network, its checkpoint in a temporary folder, and functions that compare
 *  them. */
#ifndef SHARDNET_TESTS_CHECKPOINT_FIXTURE_H
#define SHARDNET_TESTS_CHECKPOINT_FIXTURE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/numeric/rng.h"
#include "store/checkpoint/checkpoint.h"
#include "support.h"

enum { LAYERS = 3, FLOATS = 4 * (30 * (60 + 1) + 20 * (30 + 1) + 10 * (20 + 1)) };

static const int64_t widths[LAYERS + 1] = {60, 30, 20, 10};

typedef struct network {
    sn_layer_tensors layers[LAYERS];
    float arena[FLOATS];
} network;

typedef struct fixture {
    char folder[64];
    char path[128];
    network written;
    sn_checkpoint_info info;
} fixture;

static inline void lay_out(network *net)
{
    float *next = net->arena;
    for (int i = 0; i < LAYERS; i++) {
        sn_layer_tensors *layer = &net->layers[i];
        layer->in = widths[i];
        layer->out = widths[i + 1];
        layer->weight = next;
        layer->bias = layer->weight + layer->in * layer->out;
        layer->weight_velocity = layer->bias + layer->out;
        layer->bias_velocity = layer->weight_velocity + layer->in * layer->out;
        layer->weight_second_moment = layer->bias_velocity + layer->out;
        layer->bias_second_moment =
            layer->weight_second_moment + layer->in * layer->out;
        layer->weight_current = layer->bias_second_moment + layer->out;
        layer->bias_current = layer->weight_current + layer->in * layer->out;
        next = layer->bias_current + layer->out;
    }
    assert_ptr_equal(next, net->arena + FLOATS);
}

static inline void fill_info(sn_checkpoint_info *info)
{
    *info = (sn_checkpoint_info){
        .program_version = "0.1.0 (abc)",
        .input = widths[0],
        .classes = widths[LAYERS],
        .layers = LAYERS,
        .activation = "tanh",
        .activation_scale_out = 1.7159,
        .activation_scale_in = 2.0 / 3.0,
        .input_scale = 1.0 / 255.0,
        .data_source = "mnist",
        .train_count = 60000,
        .train_digest =
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .position = {.epoch = 3,
                     .step = 12345,
                     .step_in_epoch = 17,
                     .samples_seen = INT64_C(9007199254740993),
                     .learning_rate = 0.1,
                     .best_epoch = 2,
                     .best_error = 0.0213,
                     .seed = UINT64_C(18446744073709551615),
                     .epoch_loss_sum = 1.0 / 3.0,
                     .epoch_correct = 1000,
                     .epoch_samples = 1088,
                     .train_seconds = 12.75},
        .second_moments = true,
        .averaged = true};
}

static void remove_tree(const char *path)
{
    DIR *stream = opendir(path);
    const struct dirent *entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            char child[512];
            snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
            remove_tree(child);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
    assert_int_equal(remove(path), 0);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->folder, "/tmp/shardnet-checkpoint-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/one.h5", f->folder);
    lay_out(&f->written);
    sn_rng rng;
    sn_rng_init(&rng, 7, SN_RNG_INIT, 0, 0, 0);
    for (int i = 0; i < FLOATS; i++) {
        f->written.arena[i] = 2 * sn_rng_uniform(&rng) - 1;
    }
    /* Conversions through other types can lose these values. */
    f->written.arena[0] = -0.0f;
    f->written.arena[1] = 1e-42f;
    f->written.arena[2] = 3.4028235e38f;
    fill_info(&f->info);
    strcpy(f->info.config_text,
           "[model]\nhidden = 7,5\n# \xc3\xa9t\xc3\xa9\n\n[train]\nseed = 1\n");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    remove_tree(f->folder);
    free(f);
    return 0;
}

static inline void write_good(const fixture *f, const char *path)
{
    sn_error err = {""};
    sn_status status =
        sn_checkpoint_write(path, &f->info, f->written.layers, NULL, &err);
    if (status != SN_OK) {
        fail_msg("%s", err.message);
    }
}

static inline sn_status read_back(const char *path, network *net,
                                  sn_checkpoint_info *info, sn_error *err)
{
    sn_checkpoint *checkpoint;
    memset(net, 0, sizeof *net);
    lay_out(net);
    sn_status status = sn_checkpoint_open(path, &checkpoint, info, err);
    if (status == SN_OK) {
        status = sn_checkpoint_read(checkpoint, net->layers, err);
    }
    sn_checkpoint_close(&checkpoint);
    return status;
}

static inline bool same_position(const sn_position *a, const sn_position *b)
{
    /* Every member has 8 bytes, so there is no padding. */
    return memcmp(a, b, sizeof *a) == 0;
}

static inline void assert_no_temporary(const fixture *f)
{
    char path[160];
    snprintf(path, sizeof path, "%s.tmp", f->path);
    assert_false(sn_file_exists(path));
}

static inline void assert_reads_as_written(const fixture *f)
{
    sn_error err = {""};
    network *net = malloc(sizeof *net);
    sn_checkpoint_info info;
    assert_non_null(net);
    if (read_back(f->path, net, &info, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    assert_memory_equal(net->arena, f->written.arena, sizeof net->arena);
    assert_true(same_position(&info.position, &f->info.position));
    free(net);
}

static inline unsigned char *read_file(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *bytes = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = malloc(*bytes);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *bytes, file), *bytes);
    fclose(file);
    return data;
}

static inline void write_file(const char *path, const unsigned char *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

typedef bool damage_test(const fixture *f, const char *path, unsigned char *data,
                         size_t bytes);

/* Runs the test in a child process: a crash fails only this test, and memory that HDF5
 * leaks for each damaged object header is not reported as a leak of this program. */
static inline void run_damage_test(const fixture *f, damage_test *test)
{
    write_good(f, f->path);
    size_t bytes;
    unsigned char *data = read_file(f->path, &bytes);
    char path[128];
    snprintf(path, sizeof path, "%s/damaged.h5", f->folder);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(test(f, path, data, bytes) ? 0 : 1);
    }
    free(data);
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

#endif
