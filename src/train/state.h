/** The state of a training run, shared by the files of train. */
#ifndef SHARDNET_TRAIN_STATE_H
#define SHARDNET_TRAIN_STATE_H

#include "config/config.h"
#include "data/augment.h"
#include "data/sampler.h"
#include "dist/reduce/reduction.h"
#include "dist/watchdog/watchdog.h"
#include "eval/loader.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "run/rows.h"
#include "run/writer.h"
#include "shardnet/train.h"
#include "train/profile.h"
#include "train/tail.h"

/** Mean seconds over ranks of one pass of products, and of one gradient with its
 *  reduction; 0 where nothing was measured. */
typedef struct sn_tuned {
    double backend[SN_BACKENDS];
    double reduce[SN_REDUCE_AUTO];
} sn_tuned;

/** What a rank spent on its own, gathering and computing, in this invocation. */
typedef struct sn_busy {
    double seconds;
    char host[SN_HOST_BYTES];
} sn_busy;

typedef struct sn_state {
    sn_comm *comm;
    sn_config config; /* effective */
    const sn_train_options *options;
    int rank, size;
    sn_node_cores cores;
    int threads;

    sn_loaded loaded;
    sn_network model;
    sn_workspace workspace;
    float *parameters, *velocity; /* arenas */
    uint16_t *rounded;            /* weights in bf16 (arena), NULL for fp32; written
                                     with every change of the parameters */
    sn_reduction *reduction;      /* of gradient arena || tail; tune makes it */
    const float *sum;             /* gradient || tail of the last step, reduced */
    sn_tuned tuned;
    float *x;                  /* (workspace capacity, input) */
    uint8_t *labels;           /* (workspace capacity) */
    uint32_t *samples;         /* (workspace capacity) */
    sn_augment **augment;      /* (threads), NULL for none */
    sn_layer_tensors *tensors; /* views, (layers) */

    sn_optimizer optimizer;
    sn_schedule schedule;
    sn_sampler sampler; /* of the current epoch */
    double epoch_rate;
    int64_t steps_per_epoch;
    sn_position progress;

    double started;      /* clock of this invocation */
    double loop_started; /* clock of its first step */
    bool live;           /* the progress line is rewritten in place */
    double last_line;    /* clock of the last progress line on a terminal */
    double last_checkpoint_time;
    double
        job_seconds; /* from started to the end of the batch job, INFINITY for none */
    double stop_seconds;               /* of these, when training stops (rank 0) */
    double longest_evaluation_seconds; /* of an epoch's end */
    int64_t first_step;                /* progress.step when this invocation began */
    double invocation_train_seconds;
    int64_t samples_here;         /* seen in this invocation */
    int64_t epoch_samples_before; /* of this epoch, seen in earlier invocations */
    sn_profile phases;            /* since the epoch began */
    sn_profile run_phases;        /* of the epochs finished in this invocation */
    int non_finite;               /* sn_pass.non_finite of this rank's pieces */
    sn_status products;           /* whether those of this rank failed, */
    sn_error products_error;      /* and why */
    bool stop, checkpoint_due;    /* decided by all ranks together, in the tail */
    int64_t replicas_step;        /* when the ranks' copies were last compared */
    double last_train_loss;

    sn_rows pending; /* since the last checkpoint (rank 0) */

    bool resumed;
    /* rank 0 */
    sn_busy *busy; /* (size) */
    sn_writer *writer;
    bool writing;                       /* a job was submitted and not yet settled */
    char submitted[SN_PATH_BYTES];      /* its path, "" for best.h5 alone */
    char checkpoint[SN_PATH_BYTES];     /* newest written or restored */
    char changes[1024];                 /* keys set otherwise than before the resume */
    int64_t submitted_step, saved_step; /* of these; -1 for none */
    int lock;                           /* of the run's folder, -1 for none */
} sn_state;

/** Bytes of what every rank holds, as sn_state_open asks for it; rows is the workspace's capacity. */
typedef struct sn_state_sizes {
    size_t rows;
    size_t parameters, velocity, rounded; /* arenas; rounded 0 for fp32 */
    size_t workspace;                     /* activations, masks, their gradient */
    size_t x, labels, samples;            /* of a batch */
} sn_state_sizes;

/** For train_count samples on size ranks.  Pure. */
sn_state_sizes sn_state_sizes_of(const sn_config *config, const sn_network *model,
                                 uint64_t train_count, int size);

/** Turns the SN_ERANGE of a model, told in err, into a refusal of model.hidden. */
sn_status sn_state_refuse_model(const sn_config *config, sn_error *err);

/** Data, model, memory, threads.  Collective.  state is zeroed first; on failure
 *  everything is released. */
sn_status sn_state_open(sn_state *state, sn_comm *comm, const sn_config *config,
                        const sn_train_options *options, sn_error *err) SN_MUST_CHECK;

/** After parameters came from elsewhere than an update: the rounded weights follow. */
void sn_state_round(sn_state *state);

/** Collective. */
void sn_state_close(sn_state *state);

#endif
