#include "cli/report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* One socket is its standard input and output: a write to one who has gone is an error
 * there, not a signal. */
static sn_status start(pid_t *process, int *talk, sn_error *err)
{
    static char name[] = "gnuplot", defaults[] = "-d";
    char *const arguments[] = {name, defaults, NULL};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        return sn_fail(err, SN_EIO, "gnuplot: no socket: %s", strerror(errno));
    }
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_t actions;
    int reason = posix_spawn_file_actions_init(&actions);
    if (reason == 0) {
        reason = posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
        if (reason == 0) {
            reason = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        }
        if (reason == 0) {
            reason = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO,
                                                      "/dev/null", O_WRONLY, 0);
        }
        if (reason == 0) {
            reason = posix_spawnp(process, name, &actions, NULL, arguments, environ);
        }
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

/* What has been answered. */
typedef struct answer {
    char *text; /* zero-terminated once all is there */
    size_t bytes, capacity;
} answer;

/* Takes a piece; SN_OK with *end at the end. */
static sn_status hear(int talk, answer *heard, bool *end, sn_error *err)
{
    enum { PIECE_BYTES = 64 * 1024, MOST_BYTES = 32 << 20 };
    if (heard->capacity - heard->bytes < PIECE_BYTES) {
        const size_t wanted = 2 * heard->capacity + PIECE_BYTES + 1;
        char *grown = wanted > MOST_BYTES ? NULL : realloc(heard->text, wanted);
        if (grown == NULL) {
            return sn_fail(err, SN_ENOMEM, "gnuplot: a plot of more than %zu bytes",
                           heard->bytes);
        }
        heard->text = grown;
        heard->capacity = wanted;
    }
    const ssize_t got = recv(talk, heard->text + heard->bytes, PIECE_BYTES, 0);
    if (got < 0 && errno != EINTR && errno != ECONNRESET) {
        return sn_fail(err, SN_EIO, "gnuplot: %s", strerror(errno));
    }
    *end = got == 0 || (got < 0 && errno == ECONNRESET);
    heard->bytes += got > 0 ? (size_t)got : 0;
    heard->text[heard->bytes] = '\0';
    return SN_OK;
}

/* Says the script and hears the plot, whichever comes first. */
static sn_status converse(int talk, const char *script, size_t bytes, answer *heard,
                          sn_error *err)
{
    enum { PATIENCE_MILLISECONDS = 30000 };
    bool end = false;
    sn_status status = SN_OK;
    while (!end && status == SN_OK) {
        struct pollfd other = {.fd = talk,
                               .events = (short)(POLLIN | (bytes > 0 ? POLLOUT : 0))};
        const int ready = poll(&other, 1, PATIENCE_MILLISECONDS);
        if (ready == 0 || (ready < 0 && errno != EINTR)) {
            return sn_fail(err, SN_EIO, "gnuplot does not answer");
        }
        if (ready > 0 && (other.revents & POLLOUT) != 0) {
            const ssize_t said = send(talk, script, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
            /* one who has stopped listening may still have something to say */
            const bool deaf = said < 0 && (errno == EPIPE || errno == ECONNRESET);
            script += said > 0 ? said : 0;
            bytes = deaf ? 0 : bytes - (said > 0 ? (size_t)said : 0);
            if (bytes == 0) {
                shutdown(talk, SHUT_WR);
            }
        }
        if (ready > 0 && (other.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            status = hear(talk, heard, &end, err);
        }
    }
    return status;
}

/* *svg = the element <svg> of text with prefix before its ids and references to them.
 */
static sn_status take_svg(const char *text, const char *prefix, char **svg,
                          sn_error *err)
{
    static const char *const marks[] = {" id='", " id=\"", "href='#", "href=\"#",
                                        "url(#"};
    const char *from = text != NULL ? strstr(text, "<svg") : NULL;
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
    answer heard = {NULL, 0, 0};
    *svg = NULL;
    sn_status status = start(&process, &talk, err);
    if (status != SN_OK) {
        return status;
    }
    status = converse(talk, script, bytes, &heard, err);
    close(talk);
    if (status != SN_OK) {
        kill(process, SIGKILL);
    }
    while (waitpid(process, &ended, 0) < 0 && errno == EINTR) {
    }
    if (status == SN_OK && (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0)) {
        status = sn_fail(err, SN_EIO, "gnuplot failed");
    }
    if (status == SN_OK) {
        status = take_svg(heard.text, prefix, svg, err);
    }
    free(heard.text);
    return status;
}
