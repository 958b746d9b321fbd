#define _GNU_SOURCE /* copy_file_range */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* By the kernel, which may not even move the bytes.  What it leaves, because the file
 * systems differ, have no such call, or for any other reason, is left to read and
 * write, which also tell why. */
static void copy_inside(int from, int to)
{
    enum { PIECE_BYTES = 64 << 20 };
    ssize_t copied;
    do {
        copied = copy_file_range(from, NULL, to, NULL, PIECE_BYTES, 0);
    } while (copied > 0 || (copied < 0 && errno == EINTR));
}

bool sn_file_write_all(int descriptor, const void *data, size_t bytes)
{
    enum { PIECE_BYTES = 64 << 20 };
    const char *rest = data;
    while (bytes > 0) {
        const size_t piece = bytes < PIECE_BYTES ? bytes : PIECE_BYTES;
        const ssize_t written = write(descriptor, rest, piece);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            rest += written;
            bytes -= (size_t)written;
        }
    }
    return true;
}

/* From where both stand to the end. */
static bool copy_rest(int from, int to)
{
    char block[1 << 16];
    for (;;) {
        const ssize_t bytes = read(from, block, sizeof block);
        if (bytes == 0) {
            return true;
        }
        if (bytes < 0 && errno == EINTR) {
            continue;
        }
        if (bytes < 0 || !sn_file_write_all(to, block, (size_t)bytes)) {
            return false;
        }
    }
}

static sn_status copy_open(int from, const char *path, const char *copy, sn_error *err)
{
    struct stat info;
    if (fstat(from, &info) != 0) {
        return sn_fail(err, SN_EIO, "cannot read (%s): %s", path, strerror(errno));
    }
    /* a new file, so that nothing is written through a link that lies there */
    (void)unlink(copy);
    const int to =
        open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, info.st_mode & 0777);
    if (to < 0) {
        return sn_fail(err, SN_ECREATE, "cannot create (%s): %s", copy,
                       strerror(errno));
    }
    (void)fchmod(to, info.st_mode & 0777);
    copy_inside(from, to);
    bool done = copy_rest(from, to);
    int reason = errno;
    if (close(to) != 0 && done) {
        done = false;
        reason = errno;
    }
    if (!done) {
        (void)unlink(copy);
        return sn_fail(err, SN_EIO, "cannot copy (%s to %s): %s", path, copy,
                       strerror(reason));
    }
    return SN_OK;
}

sn_status sn_file_copy(const char *path, const char *copy, sn_error *err)
{
    const int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return sn_fail(err, SN_EIO, "cannot read (%s): %s", path, strerror(errno));
    }
    const sn_status status = copy_open(from, path, copy, err);
    close(from);
    return status;
}
