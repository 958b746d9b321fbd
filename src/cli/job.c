/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/job.h"

#include <stdio.h>
#include <unistd.h>

#include "base/system/stop.h"
#include "eval/committee.h"
#include "nn/products/gemm.h"

void sn_job_report(sn_status status, const sn_error *err)
{
    const char *detail =
        err->message[0] == '\0' ? sn_status_text(status) : err->message;
    fprintf(stderr, status == SN_ESTOPPED ? "shardnet: %s\n" : "shardnet: error: %s\n",
            detail);
}

sn_status sn_job_flush(sn_error *err)
{
    return fflush(stdout) != 0 || ferror(stdout)
               ? sn_fail(err, SN_EIO, "cannot write to standard output")
               : SN_OK;
}

void sn_job_hang(const char *message, void *user)
{
    (void)user;
    /* no stdio: the training thread may hold its locks forever */
    if (message != NULL) {
        char line[SN_MESSAGE_BYTES + 32];
        const int length = snprintf(line, sizeof line, "%sshardnet: error: %s\n",
                                    isatty(STDERR_FILENO) ? "\n" : "", message);
        const ssize_t written = write(STDERR_FILENO, line, (size_t)length);
        (void)written;
    }
    _exit(sn_status_exit_code(SN_ESTOPPED));
}

sn_status sn_job_run(sn_job_body *body, const void *arguments, sn_error *err)
{
    sn_comm *comm = NULL;
    /* MPI may crash where memory is short, so this check comes first */
    sn_status status = sn_gemm_check_space(err);
    if (status != SN_OK) {
        return status;
    }
    status = sn_comm_start(NULL, NULL, &comm, err);
    sn_stop_reinstall();
    if (comm == NULL) {
        /* main lets every task report SN_ENOMEM, but here all tasks return it */
        return status == SN_ENOMEM ? SN_EINTERNAL : status;
    }
    if (status == SN_OK) {
        status = body(comm, arguments, err);
    }
    if (status == SN_EMPI) {
        /* other ranks may wait inside a collective forever */
        sn_job_report(status, err);
        sn_comm_abort(comm, sn_status_exit_code(status));
    }
    if (status != SN_OK && sn_comm_prints(comm)) {
        fflush(stdout);
        sn_job_report(status, err);
    }
    err->message[0] = '\0';
    sn_comm_finish(&comm);
    return status;
}

sn_status sn_job_config(const char *path, const sn_list *set,
                        sn_status (*check)(const sn_config *config, sn_error *err),
                        sn_config **config, sn_error *err)
{
    sn_status status = sn_config_create(config, err);
    if (status == SN_OK) {
        status = sn_config_read(*config, path, err);
    }
    for (size_t i = 0; i < set->count && status == SN_OK; i++) {
        status = sn_config_set(*config, set->value[i].text, err);
    }
    if (status == SN_OK) {
        status = check(*config, err);
    }
    if (status != SN_OK) {
        sn_config_destroy(config);
    }
    return status;
}

void sn_job_warn(const sn_error *notice)
{
    if (notice->message[0] != '\0') {
        fprintf(stderr, "shardnet: warning: %s\n", notice->message);
    }
}

sn_status sn_job_model(sn_comm *comm, const char *path, const char *choice,
                       sn_model **committee, sn_error *err)
{
    const sn_status status = sn_committee_add(comm, path, choice, committee, err);
    if (status == SN_OK) {
        const sn_model *added = *committee;
        while (added->next != NULL) {
            added = added->next;
        }
        sn_job_warn(&added->found.notice);
        sn_job_warn(&added->notice);
    }
    return status;
}

sn_status sn_job_models(sn_comm *comm, const sn_words *paths, const char *choice,
                        sn_model **committee, sn_error *err)
{
    sn_status status = SN_OK;
    for (size_t i = 0; i < paths->count && status == SN_OK; i++) {
        status = sn_job_model(comm, paths->word[i], choice, committee, err);
    }
    return status;
}
