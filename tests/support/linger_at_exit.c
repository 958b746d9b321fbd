/* SPDX-License-Identifier: BSD-3-Clause */
/* A preloaded library whose finaliser, after main, takes two seconds and creates the file
 * named "lingers" when it begins.  Processes that the program starts do not load it: the
 * daemon of Open MPI, which lives a moment longer, would create the file again. */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

__attribute__((constructor)) static void keep_from_children(void)
{
    (void)unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void linger(void)
{
    const int file = open("lingers", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (file >= 0) {
        (void)close(file);
    }
    (void)nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
}
