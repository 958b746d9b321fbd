/* SPDX-License-Identifier: BSD-3-Clause */
/** The configuration inside the program: a struct with one field per key. */
#ifndef SHARDNET_CONFIG_CONFIG_H
#define SHARDNET_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "data/augment.h"
#include "data/dataset.h"
#include "dist/reduce/reduction.h"
#include "nn/net.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "shardnet/config.h"

enum { SN_MAX_HIDDEN = 64, SN_CONFIG_KEYS_MAX = 96, SN_EVERY_EPOCHS_AUTO = -1 };

/** The origin of a value: its line in the file, or one of these. */
enum {
    SN_ORIGIN_DEFAULT = 0,
    SN_ORIGIN_SET = -1,     /* --set */
    SN_ORIGIN_VARIABLE = -2 /* SHARDNET_DATA */
};

/** The values of optimizer.kind; momentum_kind chooses the rule of momentum. */
typedef enum sn_optimizer_kind { SN_KIND_MOMENTUM, SN_KIND_ADAMW } sn_optimizer_kind;

/** A list of layer widths. */
typedef struct sn_widths {
    size_t count;
    size_t width[SN_MAX_HIDDEN];
} sn_widths;

/** The values of all keys, by section.  The key table gives units and ranges
 *  (`shardnet train --help-config`).  Enumerations are stored as int. */
struct sn_config {
    int data_source; /* sn_data_source */
    char data_dir[SN_PATH_BYTES];
    int64_t data_validation, data_train_limit, data_width;
    int augment_kind; /* sn_augment_kind */
    double augment_rotation, augment_shear, augment_scale, augment_shift, augment_sigma,
        augment_alpha, augment_noise;
    sn_widths model_hidden;
    int model_activation; /* sn_activation */
    int model_init;       /* sn_init */
    double model_init_scale, model_dropout_input, model_dropout_hidden, model_max_norm;
    int optimizer_kind; /* sn_optimizer_kind */
    double optimizer_learning_rate, optimizer_momentum;
    int optimizer_momentum_kind; /* sn_rule, but not SN_ADAMW */
    double optimizer_beta1, optimizer_beta2, optimizer_epsilon, optimizer_weight_decay;
    double optimizer_l2, optimizer_l1, optimizer_clip_norm;
    int optimizer_schedule; /* sn_schedule_kind */
    double optimizer_decay;
    int64_t optimizer_decay_every;
    double optimizer_decay_fraction, optimizer_warmup_epochs;
    int64_t optimizer_scale_from_batch;
    int64_t train_epochs, train_batch, train_seed, train_eval_every, train_report_every,
        train_early_stop_patience;
    double train_label_smoothing;
    double train_max_minutes, train_average;
    int64_t train_max_steps;
    int comm_reduce; /* sn_reduce_kind */
    int comm_wire;   /* sn_wire */
    int64_t comm_bucket_kib, comm_leaves, comm_check_replicas_every;
    int compute_precision;           /* sn_precision */
    int compute_backend;             /* sn_backend */
    double comm_timeout_seconds;     /* negative: auto */
    int64_t compute_threads;         /* 0: auto */
    int64_t checkpoint_every_epochs; /* SN_EVERY_EPOCHS_AUTO: auto */
    int64_t checkpoint_every_steps;
    double checkpoint_every_minutes;
    int64_t checkpoint_keep;
    int checkpoint_keep_best;
    int64_t metrics_every_steps;
    int metrics_per_rank;
    char origin_path[SN_PATH_BYTES]; /* path of the file, for messages */
    int origin[SN_CONFIG_KEYS_MAX];  /* one per key, in the order of the table */
};

/** Sets every key to its default.  The default of data.dir is the environment variable
 *  SHARDNET_DATA if it is set. */
void sn_config_init(sn_config *config);

/** Checks that a data set of this shape has at least one sample to train on.
 *  Errors: SN_ECONFIG. */
sn_status sn_config_check_data(const sn_config *config, const sn_dataset_shape *shape,
                               sn_error *err) SN_MUST_CHECK;

/** Checks that size ranks (0: not known yet) can reduce a gradient buffer of this many
 *  elements.  Errors: SN_ECONFIG; SN_ERANGE if the model is too large. */
sn_status sn_config_check_reduction(const sn_config *config, size_t gradient,
                                    size_t tail, int size, sn_error *err) SN_MUST_CHECK;

/** Returns SN_ECONFIG and writes "configuration (WHERE): " and the formatted text into
 *  err.  WHERE is the origin of the key's value: file and line, or --set. */
sn_status sn_config_refuse(const sn_config *config, const char *section,
                           const char *name, sn_error *err, const char *format, ...)
    SN_PRINTF(5, 6);

/** Makes the checks of sn_config_check except those of the data folder.
 *  Errors: SN_ECONFIG. */
sn_status sn_config_check_all_but_data(const sn_config *config,
                                       sn_error *err) SN_MUST_CHECK;

/** The callback for a key that differs; a or b is NULL if that text lacks the key. */
typedef void sn_config_difference(void *user, const char *section, const char *key,
                                  const char *a, const char *b);

/** Compares two texts of sn_config_text key by key and counts the differences in
 *  *count.  Keys and values may be unknown: another version of the program may have
 *  written the text.  Errors: SN_ENOMEM. */
sn_status sn_config_compare(const char *a, const char *b, sn_config_difference *differs,
                            void *user, size_t *count, sn_error *err) SN_MUST_CHECK;

/** Returns the name of a choice in the configuration file, "" if the value is unknown.
 *  Example: ("model", "activation", SN_RELU) gives "relu". */
const char *sn_config_choice_name(const char *section, const char *key, int value);

/** Returns the value of a choice, -1 if the name is unknown. */
int sn_config_choice_value(const char *section, const char *key, const char *name);

/** Returns true if train.epochs or train.early_stop_patience ends the run after epoch.
 *  best_epoch is the epoch with the least validation error so far, 0 if there is none.
 */
bool sn_config_is_finished(const sn_config *config, int64_t epoch, int64_t best_epoch);

/** The settings of one module, taken from the configuration. */
sn_dataset_spec sn_config_dataset(const sn_config *config);
sn_augment_spec sn_config_augment(const sn_config *config);
sn_optimizer sn_config_optimizer(const sn_config *config);

/** Returns the library for products of the network: the key, or the choice for auto.
 *  The choice is OpenBLAS if the reduction has a fixed order of additions and the
 *  precision is not bf16, because the preflight compares the processor type that
 *  OpenBLAS detects on each rank. */
sn_backend sn_config_backend(const sn_config *config, const sn_network *network);

/** Returns the settings of the reduction; gradient and tail are numbers of elements. */
sn_reduction_spec sn_config_reduction(const sn_config *config, size_t gradient,
                                      size_t tail);

/** Returns the schedule.  Its rate is multiplied by batch / scale_from_batch if that
 *  key is set. */
sn_schedule sn_config_schedule(const sn_config *config);

/** Makes data.dir absolute, so that the saved configuration is valid in every working
 *  directory.  Symbolic links are resolved unless an INI file cannot hold them. */
void sn_config_make_absolute(sn_config *config);

/** Prints text such as "784-30-10, tanh, 23860 parameters", without a newline. */
void sn_config_print_network(const sn_network *network, FILE *out);

#endif
