#include "cli/job.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
void sn_job_report(sn_status status, const sn_error *err)
{
    const char *detail =
        err->message[0] == '\0' ? sn_status_text(status) : err->message;
    fprintf(stderr, status == SN_ESTOPPED ? "shardnet: %s\n" : "shardnet: error: %s\n",
            detail);
}

void sn_job_hang(const char *message, void *user)
{
    (void)user;
    /* no stdio: the other thread may hold its locks for ever */
    if (message != NULL) {
        char line[SN_MESSAGE_BYTES + 32];
        const int length =
            snprintf(line, sizeof line, "shardnet: error: %s\n", message);
        const ssize_t written = write(STDERR_FILENO, line, (size_t)length);
        (void)written;
    }
    _exit(sn_status_exit_code(SN_ESTOPPED));
}

sn_status sn_job_run(int *argc, char ***argv, sn_job_body *body, void *arguments,
                     sn_error *err)
{
    sn_comm *comm = NULL;
    sn_status status = sn_comm_start(argc, argv, &comm, err);
    if (comm == NULL) {
        return status;
    }
    if (status == SN_OK) {
        status = body(comm, arguments, err);
    }
    if (status == SN_EMPI) {
        /* peers may wait inside a collective for ever */
        sn_job_report(status, err);
        sn_comm_abort(comm, sn_status_exit_code(status));
    }
    if (status != SN_OK && sn_comm_speaks(comm)) {
        fflush(stdout);
        sn_job_report(status, err);
    }
    err->message[0] = '\0';
    sn_comm_finish(&comm);
    return status;
}

sn_word sn_job_word(const char *word, bool *ended)
{
    if (*ended || word[0] != '-' || word[1] == '\0') {
        return SN_WORD_OPERAND;
    }
    *ended = strcmp(word, "--") == 0;
    return *ended ? SN_WORD_END : SN_WORD_OPTION;
}

bool sn_job_asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

sn_status sn_job_value(int argc, char **argv, int *index, const char **value,
                       sn_error *err)
{
    if (*index + 1 >= argc) {
        return sn_fail(err, SN_EUSAGE,
                       "option %s needs a value; see `shardnet %s --help`",
                       argv[*index], argv[0]);
    }
    *value = argv[++*index];
    return SN_OK;
}

sn_status sn_job_parse(int argc, char **argv, sn_job_option *option, void *user,
                       const char **config_path, sn_error *err)
{
    sn_status status = SN_OK;
    bool ended = false;
    for (int i = 1; i < argc && status == SN_OK; i++) {
        const sn_word word = sn_job_word(argv[i], &ended);
        if (word == SN_WORD_END) {
            continue;
        }
        if (word == SN_WORD_OPTION) {
            status = option(argc, argv, &i, user, err);
        } else if (*config_path == NULL) {
            *config_path = argv[i];
        } else {
            status =
                sn_fail(err, SN_EUSAGE,
                        "more than one CONFIG ('%s', '%s'); see `shardnet %s --help`",
                        *config_path, argv[i], argv[0]);
        }
    }
    return status == SN_OK && *config_path == NULL
               ? sn_fail(err, SN_EUSAGE, "no CONFIG given; see `shardnet %s --help`",
                         argv[0])
               : status;
}

sn_status sn_job_config_read(const char *path, const char *const *assignments,
                             size_t count, sn_config *config, sn_error *err)
{
    sn_config_init(config);
    sn_status status = sn_config_read(config, path, err);
    for (size_t i = 0; i < count && status == SN_OK; i++) {
        status = sn_config_set(config, assignments[i], err);
    }
    return status;
}

sn_status sn_job_config(const char *path, const char *const *assignments, size_t count,
                        sn_config *config, sn_error *err)
{
    const sn_status status = sn_job_config_read(path, assignments, count, config, err);
    return status == SN_OK ? sn_config_check(config, err) : status;
}

sn_status sn_job_model(sn_comm *comm, const char *path, sn_model **model, sn_error *err)
{
    const sn_status status = sn_model_load(comm, path, model, err);
    if (status == SN_OK && (*model)->notice.message[0] != '\0') {
        fprintf(stderr, "shardnet: warning: %s\n", (*model)->notice.message);
    }
    return status;
}
