/** What commands share, most of all those that run on several ranks (internal to cli).
 */
#ifndef SHARDNET_CLI_JOB_H
#define SHARDNET_CLI_JOB_H

#include <stdbool.h>

#include "config/config.h"
#include "dist/comm/comm.h"
#include "eval/model.h"
#include "shardnet/status.h"

/** What every rank runs; returns a status that all ranks share. */
typedef sn_status sn_job_body(sn_comm *comm, void *arguments, sn_error *err);

/** Starts MPI, runs body on every rank, prints its error once for the whole job, ends
 *  MPI.  err is left empty where the error has been printed. */
sn_status sn_job_run(int *argc, char ***argv, sn_job_body *body, void *arguments,
                     sn_error *err) SN_MUST_CHECK;

/** "shardnet: error: ..." for a failure, "shardnet: ..." for an early stop, on stderr.
 */
void sn_job_report(sn_status status, const sn_error *err);

/** Ends a process whose peers do not answer, with exit code 75, after the message (NULL
 *  for none).  user is not used. */
void sn_job_hang(const char *message, void *user);

/** What a word of a command line is. */
typedef enum sn_word {
    SN_WORD_OPTION,
    SN_WORD_OPERAND, /* also after the end of options, whatever it begins with */
    SN_WORD_END      /* `--`, to be passed over */
} sn_word;

/** *ended, false before the first word, remembers that the options have ended. */
sn_word sn_job_word(const char *word, bool *ended);

/** Is --help or -h among the options? */
bool sn_job_asks_for_help(int argc, char **argv);

/** SN_EUSAGE unless index + 1 is an argument: the value of option argv[index]. */
sn_status sn_job_value(int argc, char **argv, int *index, const char **value,
                       sn_error *err) SN_MUST_CHECK;

/** Takes in option argv[*i] and its values; *i moves to the last of them. */
typedef sn_status sn_job_option(int argc, char **argv, int *i, void *user,
                                sn_error *err);

/** A command line of options and one CONFIG; argv[0] is the command's name.  SN_EUSAGE
 *  and what option returns. */
sn_status sn_job_parse(int argc, char **argv, sn_job_option *option, void *user,
                       const char **config_path, sn_error *err) SN_MUST_CHECK;

/** The configuration at path with --set assignments (count) over it, checked.  Not
 *  collective.  SN_ENOINPUT, SN_ECONFIG. */
sn_status sn_job_config(const char *path, const char *const *assignments, size_t count,
                        sn_config *config, sn_error *err) SN_MUST_CHECK;

/** The same, not checked. */
sn_status sn_job_config_read(const char *path, const char *const *assignments,
                             size_t count, sn_config *config,
                             sn_error *err) SN_MUST_CHECK;

/** sn_model_load, with its notice as a warning on stderr. */
sn_status sn_job_model(sn_comm *comm, const char *path, sn_model **model,
                       sn_error *err) SN_MUST_CHECK;

#endif
