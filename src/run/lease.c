/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OPEN_FLAGS = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };

void sn_lease_self(char holder[SN_HOLDER_BYTES])
{
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    snprintf(holder, SN_HOLDER_BYTES, "process %ld on %s", (long)getpid(), host);
}

static int read_text(int descriptor, char text[SN_LEASE_BYTES])
{
    const ssize_t length = pread(descriptor, text, SN_LEASE_BYTES - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    return length >= 0 ? 0 : errno;
}

int sn_lease_read(const char *path, char text[SN_LEASE_BYTES], struct stat *info)
{
    text[0] = '\0';
    const int descriptor = open(path, O_RDONLY | OPEN_FLAGS);
    if (descriptor < 0) {
        return errno;
    }
    int code = read_text(descriptor, text);
    if (code == 0 && info != NULL && fstat(descriptor, info) != 0) {
        code = errno;
    }
    close(descriptor);
    return code;
}

void sn_lease_holder(const char *text, char holder[SN_HOLDER_BYTES])
{
    snprintf(holder, SN_HOLDER_BYTES, "%.*s", (int)strcspn(text, "\n"), text);
}

bool sn_lease_is_local(const char *holder)
{
    char host[256] = "";
    const char *at = strstr(holder, " on ");
    (void)gethostname(host, sizeof host - 1);
    return at != NULL && strcmp(at + 4, host) == 0;
}

/* Opens the file for writing if its first line is holder; *bytes := its length. */
static int open_own(const char *path, const char *holder, size_t *bytes)
{
    char text[SN_LEASE_BYTES], found[SN_HOLDER_BYTES];
    const int descriptor = open(path, O_RDWR | OPEN_FLAGS);
    if (descriptor < 0) {
        return -1;
    }
    const int code = read_text(descriptor, text);
    sn_lease_holder(text, found);
    *bytes = strlen(text);
    if (code != 0 || strcmp(found, holder) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

bool sn_lease_write(const char *path, const char *former, const char *holder)
{
    char text[SN_LEASE_BYTES];
    struct timespec now;
    size_t before;
    const int descriptor = open_own(path, former, &before);
    if (descriptor < 0) {
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    const int length = snprintf(text, sizeof text, "%s\nheartbeat %011lld.%09ld\n",
                                holder, (long long)now.tv_sec, now.tv_nsec);
    /* The length of the text of one holder never changes: a reader sees it complete. */
    bool done = pwrite(descriptor, text, (size_t)length, 0) == length;
    if (done && before > (size_t)length) {
        done = ftruncate(descriptor, length) == 0;
    }
    return close(descriptor) == 0 && done;
}

void sn_lease_clear(const char *path, const char *holder)
{
    size_t before;
    const int descriptor = open_own(path, holder, &before);
    if (descriptor >= 0) {
        (void)!ftruncate(descriptor, 0);
        close(descriptor);
    }
}
