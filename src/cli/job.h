/* SPDX-License-Identifier: BSD-3-Clause */
/** Functions that the commands share: start of MPI, error reports, inputs (internal to
 *  cli). */
#ifndef SHARDNET_CLI_JOB_H
#define SHARDNET_CLI_JOB_H

#include "cli/options.h"
#include "config/config.h"
#include "dist/comm/comm.h"
#include "eval/model.h"
#include "shardnet/status.h"
#include "store/paths.h"

/** The part of a command that every rank runs.  All ranks return the same status. */
typedef sn_status sn_job_body(sn_comm *comm, const void *arguments, sn_error *err);

/** Starts MPI, runs body on every rank, prints the error once per job, and ends MPI.
 *  Commands that compute products call it.  err is empty afterwards if the error has
 *  been printed. */
sn_status sn_job_run(sn_job_body *body, const void *arguments,
                     sn_error *err) SN_MUST_CHECK;

/** Prints one line to stderr: "shardnet: error: ..." for a failure, "shardnet: ..." for
 *  an early stop. */
void sn_job_report(sn_status status, const sn_error *err);

/** Writes the buffer of standard output.  Errors: SN_EIO, also after an earlier failure
 *  to write. */
sn_status sn_job_flush(sn_error *err) SN_MUST_CHECK;

/** Prints message unless it is NULL, and ends the process with exit code 75.  The
 *  watchdog calls this function when the job hangs.  user is not used. */
void sn_job_hang(const char *message, void *user);

/** Reads the configuration at path, applies the overrides in set and calls check.  The
 *  caller owns *config and destroys it; *config is NULL on failure.  Not collective.
 *  Errors: SN_ENOINPUT, SN_ECONFIG, SN_ENOMEM. */
sn_status sn_job_config(const char *path, const sn_list *set,
                        sn_status (*check)(const sn_config *config, sn_error *err),
                        sn_config **config, sn_error *err) SN_MUST_CHECK;

/** Calls sn_committee_add and prints the notices of the new member as warnings. */
sn_status sn_job_model(sn_comm *comm, const char *path, const char *choice,
                       sn_model **committee, sn_error *err) SN_MUST_CHECK;

/** Calls sn_job_model for each word. */
sn_status sn_job_models(sn_comm *comm, const sn_words *paths, const char *choice,
                        sn_model **committee, sn_error *err) SN_MUST_CHECK;

/** Prints notice, unless it is empty, as a warning to stderr. */
void sn_job_warn(const sn_error *notice);

/** These macros hold the rows of the options --checkpoint and --data, the operand of
 *  commands that accept a committee, and the help on the result. */
#define SN_OPTION_CHECKPOINT                                                           \
    SN_TEXT("checkpoint", SN_TARGET_BEST "|" SN_TARGET_LAST "|PATH", choice,           \
            "checkpoint of RUN to use, instead of its result: " SN_BEST_FILE           \
            ", the newest one, or the file PATH")
#define SN_OPERAND_RUNS                                                                \
    SN_OPERAND("CHECKPOINT|RUN", checkpoints,                                          \
               "a checkpoint, or a run: its result; several form a committee"),        \
        .many = true
#define SN_OPTION_DATA                                                                 \
    SN_TEXT("data", "DIR", data_dir,                                                   \
            "data folder, instead of data.dir in the checkpoint's configuration; if "  \
            "that is missing, SHARDNET_DATA is used if it has the same training "      \
            "samples")
#define SN_TEXT_RESULT                                                                      \
    "The result of a run is the checkpoint with the lowest validation error, " SN_BEST_FILE \
    ", if data.validation > 0, else the newest checkpoint."

#endif
