/* SPDX-License-Identifier: BSD-3-Clause */
/** Training: the loop over steps and epochs, resumable at every step. */
#ifndef SHARDNET_TRAIN_H
#define SHARDNET_TRAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "shardnet/comm.h"
#include "shardnet/config.h"
#include "shardnet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sn_resume {
    SN_RESUME_NEVER, /* start at step 0; an error if the run has a checkpoint */
    SN_RESUME_AUTO,  /* resume from the newest valid checkpoint of the run; start at
                        step 0 if it has none */
    SN_RESUME_PATH   /* resume from the checkpoint resume_path */
} sn_resume;

/** The library calls the handler once, on a thread of its own with the locale C, when
 *  the job hangs.  message is the line to print; it is NULL if another rank prints the
 *  line.  The training thread waits in MPI or in a file operation and cannot return, so
 *  the handler must end the process. */
typedef void sn_hang_handler(const char *message, void *user);

typedef struct sn_train_options {
    const char *run; /* path of the run's folder */
    sn_resume resume;
    const char *resume_path;  /* checkpoint file; read only with SN_RESUME_PATH */
    FILE *out;                /* rank 0 prints here; NULL: it prints nothing */
    FILE *warnings;           /* rank 0 prints warnings here; NULL: it prints none */
    bool quiet;               /* rank 0 prints only the result to out */
    bool handle_signals;      /* SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGXCPU, and SIGHUP
                                   unless it is ignored, stop training with a
                                   checkpoint; a second SIGINT, at least one second
                                   later, ends the process with code 75 */
    sn_hang_handler *on_hang; /* called when a rank makes no progress for
                                   comm.timeout_seconds; NULL: no watchdog runs */
    void *on_hang_user;
    const char *trace;   /* rank 0 writes the times of the first steps to this file, for
                            the viewers of Chrome and Perfetto; NULL: no trace */
    int64_t trace_steps; /* number of steps in the trace, at least 1 */
} sn_train_options;

typedef struct sn_train_result {
    int64_t epoch, step; /* number of finished epochs and of finished steps */
    double train_loss;   /* mean loss of the last epoch that this call of sn_train
                            finished; 0 if it finished none */
    double test_loss;    /* mean cross-entropy of the result on the test set */
    int64_t test_correct, test_count;
    double seconds;       /* duration of this call of sn_train, start-up included */
    double train_seconds; /* the part of it spent in training steps */
    double samples_per_second; /* training samples per train_seconds */
    char checkpoint
        [SN_PATH_BYTES]; /* rank 0: newest checkpoint written or restored; others: "" */
} sn_train_result;

/** Trains the network that config describes.  Rank 0 writes config.ini, metrics.h5 and
 *  checkpoints/ into the run's folder.  Collective: config and options must be the same
 *  on all ranks; all ranks return the same status.  *result is valid only after SN_OK.
 *  Errors: SN_ESTOPPED if a stop was requested (if training had begun, the
 *  checkpoint is written); SN_EDIVERGED; SN_EBUSY if a job that shows no sign of life
 *  holds the run; SN_ETAKEN if another job has taken the run over; SN_ECONFIG,
 *  SN_ENOINPUT, SN_EDATA, SN_ECREATE, SN_EIO, SN_ENOMEM, SN_ERANGE; SN_EINTERNAL if the
 *  parameters of the ranks differ or a thread cannot be created; SN_EMPI, after which
 *  the caller may call only sn_comm_abort. */
SN_API sn_status sn_train(sn_comm *comm, const sn_config *config,
                          const sn_train_options *options, sn_train_result *result,
                          sn_error *err) SN_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
