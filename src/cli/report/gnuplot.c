/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts gnuplot.  *channel is a socket to its standard input and output: unlike a
 * write to a pipe, send() can report that gnuplot has ended without raising SIGPIPE. */
static sn_status start(pid_t *process, int *channel, sn_error *err)
{
    static char name[] = "gnuplot", defaults[] = "-d";
    char *const arguments[] = {name, defaults, NULL};
    const struct timeval timeout = {.tv_sec = 30};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        return sn_fail(err, SN_EIO, "gnuplot: cannot create a socket: %s",
                       strerror(errno));
    }
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
    setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    posix_spawn_file_actions_t actions;
    int reason = posix_spawn_file_actions_init(&actions);
    if (reason == 0) {
        const bool ready =
            posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO) == 0 &&
            posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0 &&
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                             O_WRONLY, 0) == 0;
        reason = ready ? posix_spawnp(process, name, &actions, NULL, arguments, environ)
                       : ENOMEM;
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (reason != 0) {
        close(ends[0]);
        return sn_fail(err, reason == ENOENT ? SN_ENOINPUT : SN_EIO,
                       "cannot start gnuplot: %s", strerror(reason));
    }
    *channel = ends[0];
    return SN_OK;
}

/* Sends the script, then receives the plot: gnuplot reads the whole script first. */
static sn_status exchange(int channel, const char *script, size_t bytes, FILE *plot,
                          sn_error *err)
{
    enum { MAX_BYTES = 32 << 20 };
    char buffer[16384];
    while (bytes > 0) {
        const ssize_t sent = send(channel, script, bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            break; /* gnuplot may have written a plot before it ended */
        }
        script += sent > 0 ? sent : 0;
        bytes -= sent > 0 ? (size_t)sent : 0;
    }
    shutdown(channel, SHUT_WR);
    for (size_t received = 0; received < MAX_BYTES;) {
        const ssize_t got = recv(channel, buffer, sizeof buffer, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            return SN_OK;
        }
        if (got < 0 && errno != EINTR) {
            return sn_fail(err, SN_EIO, "gnuplot does not respond");
        }
        received += fwrite(buffer, 1, got > 0 ? (size_t)got : 0, plot);
    }
    return sn_fail(err, SN_ENOMEM, "gnuplot: the plot has more than %d bytes",
                   MAX_BYTES);
}

/* *svg = the element <svg> of text, with prefix added to ids and references to them. */
static sn_status copy_svg(const char *text, const char *prefix, char **svg,
                          sn_error *err)
{
    static const char *const marks[] = {" id='", " id=\"", "href='#", "href=\"#",
                                        "url(#"};
    const char *from = strstr(text, "<svg");
    if (from == NULL || strstr(from, "</svg>") == NULL) {
        return sn_fail(err, SN_EIO, "gnuplot drew no plot");
    }
    size_t bytes;
    FILE *out = open_memstream(svg, &bytes);
    if (out == NULL) {
        return sn_fail(err, SN_ENOMEM, "gnuplot: out of memory");
    }
    while (*from != '\0') {
        size_t length = 0;
        for (size_t i = 0; length == 0 && i < sizeof marks / sizeof marks[0]; i++) {
            length =
                strncmp(from, marks[i], strlen(marks[i])) == 0 ? strlen(marks[i]) : 0;
        }
        fwrite(from, 1, length > 0 ? length : 1, out);
        fputs(length > 0 ? prefix : "", out);
        from += length > 0 ? length : 1;
    }
    if (fclose(out) != 0) {
        free(*svg);
        *svg = NULL;
        return sn_fail(err, SN_ENOMEM, "gnuplot: out of memory");
    }
    return SN_OK;
}

sn_status sn_gnuplot_svg(const char *script, size_t bytes, const char *prefix,
                         char **svg, sn_error *err)
{
    pid_t process;
    int channel = -1, ended = 0;
    char *text = NULL;
    size_t length;
    *svg = NULL;
    FILE *plot = open_memstream(&text, &length);
    if (plot == NULL) {
        return sn_fail(err, SN_ENOMEM, "gnuplot: out of memory");
    }
    sn_status status = start(&process, &channel, err);
    if (status == SN_OK) {
        status = exchange(channel, script, bytes, plot, err);
        close(channel);
        if (status != SN_OK) {
            kill(process, SIGKILL);
        }
        while (waitpid(process, &ended, 0) < 0 && errno == EINTR) {
        }
    }
    if (fclose(plot) != 0 && status == SN_OK) {
        status = sn_fail(err, SN_ENOMEM, "gnuplot: out of memory");
    }
    if (status == SN_OK && (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0)) {
        status = sn_fail(err, SN_EIO, "gnuplot failed");
    }
    if (status == SN_OK) {
        status = copy_svg(text, prefix, svg, err);
    }
    free(text);
    return status;
}
