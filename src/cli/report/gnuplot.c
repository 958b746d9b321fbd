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

/* One socket is the standard input and output of gnuplot: a write to a gnuplot that has
 * ended is an error there, not a signal. */
static sn_status start(pid_t *process, int *talk, sn_error *err)
{
    static char name[] = "gnuplot", defaults[] = "-d";
    char *const arguments[] = {name, defaults, NULL};
    const struct timeval patience = {.tv_sec = 30};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        return sn_fail(err, SN_EIO, "gnuplot: no socket: %s", strerror(errno));
    }
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
    setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
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
                       "gnuplot cannot be started: %s", strerror(reason));
    }
    *talk = ends[0];
    return SN_OK;
}

/* Sends the script and receives the plot, which gnuplot begins after the last line. */
static sn_status converse(int talk, const char *script, size_t bytes, FILE *plot,
                          sn_error *err)
{
    enum { MOST_BYTES = 32 << 20 };
    char piece[16384];
    while (bytes > 0) {
        const ssize_t sent = send(talk, script, bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            break; /* a gnuplot that stopped reading may still have written something */
        }
        script += sent > 0 ? sent : 0;
        bytes -= sent > 0 ? (size_t)sent : 0;
    }
    shutdown(talk, SHUT_WR);
    for (size_t received = 0; received < MOST_BYTES;) {
        const ssize_t got = recv(talk, piece, sizeof piece, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            return SN_OK;
        }
        if (got < 0 && errno != EINTR) {
            return sn_fail(err, SN_EIO, "gnuplot does not answer");
        }
        received += fwrite(piece, 1, got > 0 ? (size_t)got : 0, plot);
    }
    return sn_fail(err, SN_ENOMEM, "gnuplot: a plot of more than %d bytes", MOST_BYTES);
}

/* *svg = the element <svg> of text with prefix before its ids and references to them.
 */
static sn_status take_svg(const char *text, const char *prefix, char **svg,
                          sn_error *err)
{
    static const char *const marks[] = {" id='", " id=\"", "href='#", "href=\"#",
                                        "url(#"};
    const char *from = strstr(text, "<svg");
    if (from == NULL || strstr(from, "</svg>") == NULL) {
        return sn_fail(err, SN_EIO, "gnuplot made no plot");
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
    int talk = -1, ended = 0;
    char *text = NULL;
    size_t length;
    *svg = NULL;
    FILE *plot = open_memstream(&text, &length);
    if (plot == NULL) {
        return sn_fail(err, SN_ENOMEM, "gnuplot: out of memory");
    }
    sn_status status = start(&process, &talk, err);
    if (status == SN_OK) {
        status = converse(talk, script, bytes, plot, err);
        close(talk);
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
        status = take_svg(text, prefix, svg, err);
    }
    free(text);
    return status;
}
