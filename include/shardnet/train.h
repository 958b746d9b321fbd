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
    SN_RESUME_NEVER, /* a run that holds a checkpoint is refused */
    SN_RESUME_AUTO,  /* the newest good checkpoint of the run, or a new start */
    SN_RESUME_PATH   /* the named checkpoint */
} sn_resume;

/** Called once, on a thread of the library's own, when the job hangs.  message is the
 *  line to print, NULL where another rank prints it.  The training thread is stuck in
 *  MPI or in a file: the handler ends the process. */
typedef void sn_hang_handler(const char *message, void *user);

typedef struct sn_train_options {
    const char *run; /* folder of the run */
    sn_resume resume;
    const char *resume_path;  /* for SN_RESUME_PATH */
    FILE *out;                /* progress, rank 0; NULL for none */
    FILE *warnings;           /* warnings, rank 0; NULL for none */
    bool quiet;               /* only the result, no progress */
    bool handle_signals;      /* stop with a checkpoint on SIGTERM, SIGINT, SIGUSR1,
                                   SIGUSR2, SIGXCPU, and SIGHUP unless it is ignored; one
                                   more, a second or more later, ends the process with
                                   code 75 */
    sn_hang_handler *on_hang; /* after comm.timeout_seconds; NULL for no watchdog */
    void *on_hang_user;
} sn_train_options;

typedef struct sn_train_result {
    int64_t epoch, step; /* finished */
    double train_loss;   /* of the last epoch finished in this invocation, 0 for none */
    double test_loss;    /* mean cross-entropy on the test set */
    int64_t test_correct, test_count;
    double seconds;       /* of this invocation, start-up included */
    double train_seconds; /* of training in this invocation, without evaluation */
    double samples_per_second;
    char checkpoint
        [SN_PATH_BYTES]; /* the newest written or restored; "" but on rank 0 */
} sn_train_result;

/** Trains as config says and leaves config.ini, metrics.h5 and checkpoints/ in the
 *  run's folder.  Collective; config and options are the same on all ranks, and so is
 *  the status that they get.  *result has a meaning only with SN_OK.  SN_OK;
 *  SN_ESTOPPED with a checkpoint written; SN_EDIVERGED; SN_ECONFIG, SN_ENOINPUT,
 *  SN_EDATA, SN_ECREATE, SN_EIO, SN_ENOMEM, SN_ERANGE; SN_EINTERNAL where the ranks'
 *  parameters differ or no thread can be made; SN_EMPI, after which only sn_comm_abort
 *  is left. */
SN_API sn_status sn_train(sn_comm *comm, const sn_config *config,
                          const sn_train_options *options, sn_train_result *result,
                          sn_error *err) SN_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
