/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/system/locale.h"
#include "base/text/near.h"
#include "config/config.h"

/* Names of the choices, in the order of the enumerations in config.h. */
static const char *const sources[] = {"mnist", "idx", "synthetic", NULL};
static const char *const augments[] = {"none", "affine", "elastic", NULL};
static const char *const activations[] = {"tanh", "sigmoid", "relu", "lecun_tanh",
                                          NULL};
static const char *const inits[] = {"uniform", "xavier", "he", NULL};
static const char *const optimizers[] = {"momentum", "adamw", NULL};
static const char *const momentum_kinds[] = {"heavy_ball", "nesterov",
                                             "previous_gradient", NULL};
static const char *const schedules[] = {
    "constant", "inverse", "step", "cosine", "linear", "warmup_stable_decay", NULL};
#define NAME(symbol, name) #name,
static const char *const reductions[] = {SN_REDUCTION_TABLE(NAME) "auto", NULL};
#undef NAME
static const char *const wires[] = {"fp32", "bf16", NULL};
static const char *const precisions[] = {"fp32", "bf16", "bf16_emulated", NULL};
static const char *const backends[] = {"auto", "openblas", "onednn", NULL};
static const char *const booleans[] = {"false", "true", NULL};

#define FIELD(member) offsetof(sn_config, member)
#define INTEGER(section, name, member, default_text, min, max, help)                   \
    {                                                                                  \
        section, name, SN_KEY_INTEGER, FIELD(member), default_text, min, max, 0, NULL, \
            NULL, help                                                                 \
    }
#define REAL(section, name, member, default_text, min, max, open, help)                \
    {                                                                                  \
        section, name, SN_KEY_REAL, FIELD(member), default_text, min, max, open, NULL, \
            NULL, help                                                                 \
    }
#define CHOICE(section, name, member, default_text, choices, help)                     \
    {                                                                                  \
        section, name, SN_KEY_CHOICE, FIELD(member), default_text, 0, 0, 0, choices,   \
            NULL, help                                                                 \
    }

const sn_key sn_keys[] = {
    CHOICE(
        "data", "source", data_source, "mnist", sources,
        "data set; mnist, idx: four IDX files, with idx of any image size and number "
        "of classes; synthetic: digits that the program draws, not MNIST"),
    {"data", "dir", SN_KEY_PATH, FIELD(data_dir), "", 0, 0, 0, NULL, NULL,
     "folder of the four IDX files, plain or .gz; the environment variable "
     "SHARDNET_DATA is the default"},
    INTEGER(
        "data", "validation", data_validation, "0", 0, 4e9,
        "number of samples held out for validation, from the end of the training set"),
    INTEGER("data", "train_limit", data_train_limit, "0", 0, 4e9,
            "use only this many samples from the start of the training set; 0 = all"),
    INTEGER("data", "width", data_width, "0", 0, 4096,
            "width normalization: resample the ink of each image to this many columns, "
            "in training, evaluation and prediction; 0 = off"),
    CHOICE("augment", "kind", augment_kind, "none", augments,
           "random distortion of the training images; elastic includes affine"),
    REAL("augment", "rotation", augment_rotation, "10", 0, 180, 0,
         "maximum rotation, degrees"),
    REAL("augment", "shear", augment_shear, "0.1", 0, 10, 0,
         "maximum horizontal shear s: x += s y"),
    REAL("augment", "scale", augment_scale, "0.15", 0, 1, 1,
         "maximum relative change of width and of height"),
    REAL("augment", "shift", augment_shift, "0", 0, 1000, 0,
         "maximum shift along each axis, pixels"),
    REAL("augment", "sigma", augment_sigma, "5", 0.1, 100, 0,
         "elastic: standard deviation of the Gaussian filter of the displacement "
         "fields, pixels"),
    REAL("augment", "alpha", augment_alpha, "36", 0, 10000, 0,
         "elastic: factor on the filtered displacement fields, pixels"),
    REAL(
        "augment", "noise", augment_noise, "0", 0, 10, 0,
        "standard deviation of Gaussian noise on the inputs, which are in [0, 1], with "
        "every kind"),
    {"model", "hidden", SN_KEY_WIDTHS, FIELD(model_hidden), "30", 1, 2147483647, 0,
     NULL, NULL,
     "widths of the hidden layers, separated by commas; empty = linear softmax "
     "classifier"},
    CHOICE("model", "activation", model_activation, "tanh", activations,
           "activation function of the hidden layers; lecun_tanh: 1.7159 tanh(2z/3)"),
    CHOICE(
        "model", "init", model_init, "xavier", inits,
        "distribution of the initial weights; uniform: U(-1, 1); xavier: U(-a, a) with "
        "a = sqrt(6/(in+out)); he: U(-a, a) with a = sqrt(6/in)"),
    REAL("model", "init_scale", model_init_scale, "1", 0, 1e6, 0,
         "factor on the initial weights"),
    REAL("model", "dropout_input", model_dropout_input, "0", 0, 1, 1,
         "dropout probability of an input"),
    REAL("model", "dropout_hidden", model_dropout_hidden, "0", 0, 1, 1,
         "dropout probability of a hidden unit"),
    REAL("model", "max_norm", model_max_norm, "0", 0, 1e6, 0,
         "maximum Euclidean norm of the incoming weights of a unit; 0 = no limit"),
    CHOICE(
        "optimizer", "kind", optimizer_kind, "momentum", optimizers,
        "update rule; momentum: see momentum_kind; adamw: Adam with decoupled weight "
        "decay, which needs a smaller learning_rate, such as 0.001, and ignores "
        "momentum and momentum_kind"),
    REAL("optimizer", "learning_rate", optimizer_learning_rate, "0.1", 0, 1e6, 0,
         "learning rate; the loss is the mean over the global minibatch"),
    REAL("optimizer", "momentum", optimizer_momentum, "0.9", 0, 1, 1,
         "momentum coefficient"),
    CHOICE(
        "optimizer", "momentum_kind", optimizer_momentum_kind, "heavy_ball",
        momentum_kinds,
        "update rule, with rate r, momentum m, gradient g; heavy_ball: v = m v + r g, "
        "w -= v; nesterov: v = m v + r g, w -= m v + r g; previous_gradient: w -= r g "
        "+ m v, v = r g"),
    REAL("optimizer", "beta1", optimizer_beta1, "0.9", 0, 1, 1,
         "adamw: decay of the mean of the gradients"),
    REAL("optimizer", "beta2", optimizer_beta2, "0.999", 0, 1, 1,
         "adamw: decay of the mean of the squares of the gradients"),
    REAL("optimizer", "epsilon", optimizer_epsilon, "1e-8", 1e-12, 1, 0,
         "adamw: added to the root of the mean square"),
    REAL("optimizer", "weight_decay", optimizer_weight_decay, "0", 0, 1e6, 0,
         "adamw: w -= rate weight_decay w in each update, for the weights, not the "
         "biases"),
    REAL("optimizer", "l2", optimizer_l2, "0", 0, 1e6, 0,
         "L2 penalty: adds (l2/2) sum w^2 over the weights, not the biases, to the "
         "loss"),
    REAL("optimizer", "l1", optimizer_l1, "0", 0, 1e6, 0,
         "L1 penalty: adds l1 sum |w| over the weights, not the biases, to the loss"),
    REAL(
        "optimizer", "clip_norm", optimizer_clip_norm, "0", 0, 1e6, 0,
        "maximum Euclidean norm of the gradient of the mean loss, without penalties: a "
        "larger one is scaled to it; 0 = no limit"),
    CHOICE(
        "optimizer", "schedule", optimizer_schedule, "constant", schedules,
        "learning rate over the epochs; inverse: rate(i) = rate(i-1) / (1 + decay i) "
        "in epoch i; step: multiply by decay every decay_every epochs; cosine: half a "
        "cosine down to 0; linear: a line down to 0; warmup_stable_decay: constant, then "
        "a line down to 0 in the last decay_fraction of the training"),
    REAL("optimizer", "decay", optimizer_decay, "0", 0, 1e6, 0,
         "parameter of the schedules inverse and step, which need a value above 0"),
    INTEGER("optimizer", "decay_every", optimizer_decay_every, "1", 1, 1e9,
            "step: number of epochs between two multiplications by decay"),
    REAL("optimizer", "decay_fraction", optimizer_decay_fraction, "0.2", 0, 1, 0,
         "warmup_stable_decay: part of the training, at its end, in which the rate "
         "falls"),
    REAL("optimizer", "warmup_epochs", optimizer_warmup_epochs, "0", 0, 1e9, 0,
         "number of epochs, also a fraction, in which the rate rises linearly from 0"),
    INTEGER("optimizer", "scale_from_batch", optimizer_scale_from_batch, "0", 0, 4e9,
            "linear scaling: multiply the rate by batch / scale_from_batch; 0 = off"),
    INTEGER("train", "epochs", train_epochs, "10", 1, 1e9,
            "number of passes over the training set"),
    INTEGER("train", "batch", train_batch, "64", 1, 16777216,
            "size of the GLOBAL minibatch: samples per update over all ranks"),
    REAL("train", "label_smoothing", train_label_smoothing, "0", 0, 1, 1,
         "part of the target that all classes share evenly in the training loss; "
         "evaluation uses the labels as they are"),
    INTEGER("train", "seed", train_seed, "1", 0, 9e15,
            "seed of initial weights, sample order, dropout and distortions"),
    INTEGER("train", "eval_every", train_eval_every, "1", 1, 1e9,
            "number of epochs between two evaluations"),
    INTEGER("train", "report_every", train_report_every, "1", 1, 1e9,
            "number of epochs between two lines on the console"),
    INTEGER("train", "early_stop_patience", train_early_stop_patience, "0", 0, 1e9,
            "stop after this many evaluations without a lower validation error; needs "
            "data.validation > 0; 0 = off"),
    REAL(
        "train", "average", train_average, "0", 0, 1, 1,
        "exponential moving average of the weights: a = d a + (1 - d) w after update t "
        "with d = min(average, (1 + t) / (10 + t)); the average is evaluated, saved and "
        "chosen in the place of the weights, which training continues from; 0 = off"),
    REAL("train", "max_minutes", train_max_minutes, "0", 0, 1e9, 0,
         "stop after this time with a checkpoint and exit code 75; 0 = off"),
    INTEGER("train", "max_steps", train_max_steps, "0", 0, 9e15,
            "stop after this many updates of one invocation with a checkpoint and exit "
            "code 75; 0 = off"),
    CHOICE(
        "comm", "reduce", comm_reduce, "auto", reductions,
        "how gradients are combined over ranks; allreduce: one MPI_Allreduce; overlap: "
        "MPI_Iallreduce during the backward pass; node: shared memory inside a node, "
        "MPI between nodes; reproducible: the same bits on any number of ranks; auto: "
        "node if nodes hold several ranks, else overlap for gradients of 4 MiB and "
        "more, else allreduce; kept for the whole run"),
    CHOICE(
        "comm", "wire", comm_wire, "fp32", wires,
        "format in which ranks send gradients; bf16 halves the bytes, rounds to 8 bits "
        "of significand, and works with reduce = allreduce, overlap and auto only"),
    INTEGER("comm", "bucket_kib", comm_bucket_kib, "1024", 1, 1048576,
            "overlap: size of one message, KiB"),
    INTEGER(
        "comm", "leaves", comm_leaves, "8", 1, 65536,
        "reproducible: number of microbatches per batch; a power of two, at least the "
        "number of ranks"),
    {"comm", "timeout_seconds", SN_KEY_REAL, FIELD(comm_timeout_seconds), "auto", 0,
     1e6, 0, NULL, "auto",
     "watchdog: if no rank makes progress for this time, report the cause and end the "
     "job with exit code 75; at least 1, or 0 = off; auto: 10 times the longest phase "
     "so far, but at least 30 in steps, and 300 before steps and in evaluations, "
     "output and work on files"},
    INTEGER(
        "comm", "check_replicas_every", comm_check_replicas_every, "1000", 0, 9e15,
        "number of updates between two checks that all ranks hold the same parameters; "
        "each checkpoint makes this check too; 0 = off"),
    CHOICE(
        "compute", "backend", compute_backend, "auto", backends,
        "library for matrix products; auto: onednn for precision = bf16, on processors "
        "with AVX-512, and for layers of up to 1024 units, else openblas; openblas with "
        "reduce = reproducible, except for precision = bf16, and in builds without "
        "oneDNN; kept for the whole run"),
    CHOICE("compute", "precision", compute_precision, "fp32", precisions,
           "format of the operands of matrix products in training; the results are "
           "fp32; bf16 needs oneDNN and a CPU with AVX512-BF16 or AMX; bf16_emulated "
           "rounds in the same way on any CPU, but is slower than fp32"),
    {"compute", "threads", SN_KEY_INTEGER, FIELD(compute_threads), "auto", 1, 4096, 0,
     NULL, "auto",
     "threads per rank; auto: the rank's share of the cores in the affinity masks; "
     "always 1 with reduce = reproducible"},
    {"checkpoint", "every_epochs", SN_KEY_INTEGER, FIELD(checkpoint_every_epochs),
     "auto", 0, 1e9, 0, NULL, "auto",
     "number of epochs between two checkpoints; auto: each epoch, but at most one "
     "checkpoint in 5 seconds; 0 = off (the last state is always saved)"},
    INTEGER("checkpoint", "every_steps", checkpoint_every_steps, "0", 0, 9e15,
            "number of updates between two checkpoints; 0 = off"),
    REAL("checkpoint", "every_minutes", checkpoint_every_minutes, "0", 0, 1e9, 0,
         "number of minutes between two checkpoints; 0 = off"),
    INTEGER("checkpoint", "keep", checkpoint_keep, "3", 1, 1e6,
            "number of checkpoints to keep, the newest ones"),
    CHOICE("checkpoint", "keep_best", checkpoint_keep_best, "true", booleans,
           "also keep best.h5, the checkpoint with the lowest validation error"),
    INTEGER("metrics", "every_steps", metrics_every_steps, "100", 0, 9e15,
            "number of updates between two rows of /steps in metrics.h5; 0 = no rows"),
    CHOICE("metrics", "per_rank", metrics_per_rank, "true", booleans,
           "write the times of every rank to /ranks in metrics.h5 after each epoch"),
    {NULL, NULL, SN_KEY_INTEGER, 0, NULL, 0, 0, 0, NULL, NULL, NULL}};

_Static_assert(sizeof sn_keys / sizeof sn_keys[0] <= SN_CONFIG_KEYS_MAX,
               "sn_config holds an origin for every key");

const sn_key *sn_key_find(const char *section, const char *name)
{
    for (const sn_key *key = sn_keys; key->section != NULL; key++) {
        if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0) {
            return key;
        }
    }
    return NULL;
}

bool sn_key_is_same(const sn_key *key, const char *a, const char *b)
{
    char *a_end, *b_end;
    const double a_value = strtod(a, &a_end), b_value = strtod(b, &b_end);
    return strcmp(a, b) == 0 || (key != NULL && key->type == SN_KEY_REAL &&
                                 a_end != a && b_end != b && a_value == b_value);
}

const sn_key *sn_key_near(const char *section, const char *name)
{
    char wanted[128], spelled[128];
    const char *dot = name != NULL ? "." : "";
    const sn_key *best = NULL;
    size_t least = SIZE_MAX;
    snprintf(wanted, sizeof wanted, "%s%s%s", section, dot, name != NULL ? name : "");
    for (const sn_key *key = sn_keys; key->section != NULL; key++) {
        snprintf(spelled, sizeof spelled, "%s%s%s", key->section, dot,
                 name != NULL ? key->name : "");
        const size_t distance = name != NULL && strcmp(name, key->name) == 0
                                    ? 1
                                    : sn_near_distance(wanted, spelled);
        if (distance < least) {
            best = key;
            least = distance;
        }
    }
    return best;
}

const char *sn_config_choice_name(const char *section, const char *name, int value)
{
    const char *const *choices = sn_key_find(section, name)->choices;
    for (int i = 0; choices[i] != NULL; i++) {
        if (i == value) {
            return choices[i];
        }
    }
    return "";
}

int sn_config_choice_value(const char *section, const char *name, const char *choice)
{
    const char *const *choices = sn_key_find(section, name)->choices;
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], choice) == 0) {
            return i;
        }
    }
    return -1;
}

/* Prints the header of a section if key is its first key. */
static void begin_section(FILE *out, const sn_key *key)
{
    if (key == sn_keys || strcmp(key->section, key[-1].section) != 0) {
        fprintf(out, "%s[%s]\n", key == sn_keys ? "" : "\n", key->section);
    }
}

char *sn_config_text(const sn_config *config)
{
    SN_LOCALE_C();
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (out == NULL) {
        return NULL;
    }
    for (const sn_key *key = sn_keys; key->section != NULL; key++) {
        begin_section(out, key);
        fprintf(out, "%s = ", key->name);
        sn_key_write(out, key, config);
        fputc('\n', out);
    }
    const bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

void sn_key_print_range(FILE *out, const sn_key *key)
{
    const char *word = key->automatic == NULL ? "" : key->automatic;
    const char *or_word = key->automatic == NULL ? "" : " or ";
    switch (key->type) {
    case SN_KEY_INTEGER:
        fprintf(out, "integer in [%.0f, %.0f]%s%s", key->min, key->max, or_word, word);
        break;
    case SN_KEY_REAL:
        fprintf(out, "number in [%g, %g%c%s%s", key->min, key->max,
                key->max_open ? ')' : ']', or_word, word);
        break;
    case SN_KEY_CHOICE:
        for (int i = 0; key->choices[i] != NULL; i++) {
            fprintf(out, "%s%s", i == 0 ? "" : " | ", key->choices[i]);
        }
        break;
    case SN_KEY_WIDTHS:
        fprintf(out, "comma-separated list of at most %d widths; may be empty",
                SN_MAX_HIDDEN);
        break;
    case SN_KEY_PATH:
        fprintf(out, "path");
        break;
    }
}

void sn_config_help(FILE *out)
{
    SN_LOCALE_C();
    for (const sn_key *key = sn_keys; key->section != NULL; key++) {
        begin_section(out, key);
        fprintf(out, "  %s = %s\n      ", key->name, key->default_text);
        sn_key_print_range(out, key);
        fprintf(out, "\n      %s\n", key->help);
    }
}
