/* SPDX-License-Identifier: BSD-3-Clause */
/** A command as a job: on the ranks of MPI, its errors, its inputs (internal to cli).
 */
#ifndef SHARDNET_CLI_JOB_H
#define SHARDNET_CLI_JOB_H

#include "cli/options.h"
#include "config/config.h"
#include "data/dataset.h"
#include "dist/comm/comm.h"
#include "eval/model.h"
#include "shardnet/status.h"

/** The part of a command that every rank runs; returns a status that all ranks share.
 */
typedef sn_status sn_job_body(sn_comm *comm, const void *arguments, sn_error *err);

/** Starts MPI, runs body on every rank, prints its error once per job, ends MPI.  err
 *  is left empty where the error has been printed. */
sn_status sn_job_run(sn_job_body *body, const void *arguments,
                     sn_error *err) SN_MUST_CHECK;

/** Prints "shardnet: error: ..." for a failure, "shardnet: ..." for an early stop, to
 *  stderr. */
void sn_job_report(sn_status status, const sn_error *err);

/** Prints message (NULL for none) and ends a process whose peers do not answer, with
 *  exit code 75.  user is not used. */
void sn_job_hang(const char *message, void *user);

/** Reads the configuration at path, applies the overrides in set and calls check.
 *  *config is the caller's, to be destroyed; NULL on failure.  Not collective.
 *  SN_ENOINPUT, SN_ECONFIG, SN_ENOMEM. */
sn_status sn_job_config(const char *path, const sn_list *set,
                        sn_status (*check)(const sn_config *config, sn_error *err),
                        sn_config **config, sn_error *err) SN_MUST_CHECK;

/** Reads the data set of spec; digest as of sn_dataset_view.  *data are views of
 *  *storage, which the caller frees, on failure too.  Not collective.  What
 *  sn_dataset_probe, _fill and _view give; SN_ENOMEM. */
sn_status sn_job_data(const sn_dataset_spec *spec, const char *digest,
                      sn_dataset_shape *shape, uint8_t **storage, sn_dataset *data,
                      sn_error *err) SN_MUST_CHECK;

/** Loads a model as sn_model_load does and prints its notice as a warning to stderr. */
sn_status sn_job_model(sn_comm *comm, const char *path, sn_model **model,
                       sn_error *err) SN_MUST_CHECK;

#endif
