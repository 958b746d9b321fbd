/* SPDX-License-Identifier: BSD-3-Clause */
/* A preloaded library that installs a handler for SIGHUP when it is loaded and when MPI
 * starts, as UCX does. */
#include <mpi.h>
#include <signal.h>

static void swallow(int signal_number)
{
    (void)signal_number;
}

__attribute__((constructor)) static void take(void)
{
    (void)signal(SIGHUP, swallow);
}

int MPI_Init_thread(int *argc, char ***argv, int required, int *provided)
{
    const int code = PMPI_Init_thread(argc, argv, required, provided);
    take();
    return code;
}
