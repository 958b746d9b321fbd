/* SPDX-License-Identifier: BSD-3-Clause */
/* shardnet: the command line. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/system/stop.h"
#include "cli/commands.h"
#include "cli/job.h"
#include "dist/comm/comm.h"

/* Finds the command that the first words name; *argc and *argv move past them. */
static sn_status descend(const sn_command **command, int *argc, char ***argv,
                         sn_error *err)
{
    sn_status status = SN_OK;
    while (status == SN_OK && (*command)->commands[0] != NULL && *argc > 1 &&
           (*argv)[1][0] != '-') {
        ++*argv;
        --*argc;
        status = sn_options_find(*command, **argv, command, err);
    }
    return status;
}

static sn_status run(const sn_command *command, int argc, char **argv, sn_error *err)
{
    void *arguments = calloc(1, command->bytes + 1);
    if (arguments == NULL) {
        return sn_fail(err, SN_ENOMEM, "out of memory");
    }
    if (command->defaults != NULL) {
        memcpy(arguments, command->defaults, command->bytes);
    }
    sn_status status = sn_options_parse(command, argc, argv, arguments, err);
    if (status == SN_OK) {
        status = command->run != NULL
                     ? command->run(arguments, err)
                     : sn_options_refuse(command, err, "no command given");
    }
    free(arguments);
    return status;
}

/* Runs the command, or prints the requested text in the first task of a job. */
static sn_status dispatch(const sn_command **command, int argc, char **argv,
                          sn_error *err)
{
    const bool first = sn_comm_launch_task() <= 0;
    const bool help = argc > 1 && strcmp(argv[1], "help") == 0;
    argc -= help;
    argv += help;
    const sn_status status = descend(command, &argc, &argv, err);
    if (status != SN_OK) {
        return status;
    }
    if (help) {
        if (first) {
            sn_help_print(stdout, *command);
        }
        return SN_OK;
    }
    if (sn_options_print(*command, argc, argv, first ? stdout : NULL)) {
        return SN_OK;
    }
    if ((*command)->tasks == SN_TASKS_FIRST && !first) {
        fprintf(stderr,
                "shardnet: %.*s runs only in the first task of the job; this task does "
                "nothing\n",
                (int)strcspn((*command)->name, " "), (*command)->name);
        return SN_OK;
    }
    return run(*command, argc, argv, err);
}

/* Every task finds a wrong command line, or a failure before MPI starts: the first task
 * reports it.  A command that each task runs on its own may fail in one task only, and
 * so may an allocation. */
static void report(const sn_command *command, sn_status status, const sn_error *err)
{
    const bool own = command->tasks == SN_TASKS_EACH && status != SN_EUSAGE;
    const bool first = sn_comm_launch_task() <= 0;
    if (!own && !first) {
        /* the launcher kills all tasks when one exits: task 0 must print first */
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    }
    if (own || first || status == SN_ENOMEM) {
        sn_job_report(status, err);
    }
}

/* The loader calls these functions before the initialisers of shared libraries. */
__attribute__((section(".preinit_array"),
               used)) static void (*before_libraries)(void) = sn_stop_inherit;

/* Opens closed standard descriptors, so that no library gets their numbers for its own
 * files.  Reading and writing still fail. */
static void reserve_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

int main(int argc, char **argv)
{
    const sn_command *command = &sn_program;
    sn_error err = {""};
    sn_stop_reinstall();
    reserve_descriptors();
    /* beyond the file-size limit write() must fail; SIGXFSZ would end the process */
    (void)signal(SIGXFSZ, SIG_IGN);
    /* Files are replaced, never changed, so HDF5 needs no locks, which some file
     * systems lack; the variable overrides what the program sets in HDF5. */
    (void)setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    sn_status status = dispatch(&command, argc, argv, &err);
    if (status == SN_OK || status == SN_EDIFFERENT) {
        const sn_status written = sn_job_flush(&err);
        status = written != SN_OK ? written : status;
    }
    if (status != SN_OK && err.message[0] != '\0') { /* MPI is not running */
        report(command, status, &err);
    }
    return sn_status_exit_code(status);
}
