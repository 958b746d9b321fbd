/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/numeric/digest.h"
#include "base/system/file.h"
#include "data/dataset.h"

enum {
    REASON_BYTES = 512,
    COPY_BYTES = 65536,
    /* more than the largest of the four files: a mirror must not fill the disk */
    CONTENT_BYTES_MAX = 64 << 20,
    /* exit codes of curl and of a failed exec */
    CURL_WRITE_ERROR = 23,
    NOT_FOUND = 127
};

const char *const sn_fetch_mirrors[SN_FETCH_MIRRORS] = {
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/"};

const char *const sn_fetch_digests[4] = {
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"};

static sn_status download(const char *url, const char *output, sn_error *err)
{
    /* The shell reads URL and path from the environment, so that neither needs quotes.
     * ulimit, in blocks of 512 bytes, also ends a file whose size the mirror does not
     * announce.  --globoff turns off the special meaning of brackets in a URL. */
    static const char command[] =
        "ulimit -f 131072 2>/dev/null; "
        "exec curl -fsSL --globoff --retry 2 --retry-max-time 20 --connect-timeout 10 "
        "--speed-limit 1000 --speed-time 20 -o "
        "\"$SHARDNET_FETCH_OUTPUT\" -- \"$SHARDNET_FETCH_URL\" </dev/null 2>&1";
    _Static_assert(CONTENT_BYTES_MAX == 131072 * 512, "the limit of ulimit above");
    char reason[REASON_BYTES] = "curl was stopped";
    FILE *errors = NULL;
    if (setenv("SHARDNET_FETCH_OUTPUT", output, 1) == 0 &&
        setenv("SHARDNET_FETCH_URL", url, 1) == 0) {
        errors = popen(command, "r");
    }
    if (errors == NULL) {
        return sn_fail(err, SN_ENOINPUT, "cannot run the program curl (%s): %s", url,
                       strerror(errno));
    }
    while (fgets(reason, sizeof reason, errors) != NULL) {
        /* the last line is the reason of the failure */
    }
    reason[strcspn(reason, "\r\n")] = '\0';
    const int result = pclose(errors);
    const int code = WIFEXITED(result) ? WEXITSTATUS(result) : -1;
    if (code == 0) {
        return SN_OK;
    }
    if (code == NOT_FOUND) {
        return sn_fail(
            err, SN_ENOINPUT,
            "cannot run the program curl (%s): %s; install curl, or put the four "
            "files into the folder by hand",
            url, strerror(ENOENT));
    }
    struct stat info;
    if (stat(output, &info) == 0 && info.st_size >= CONTENT_BYTES_MAX) {
        return sn_fail(err, SN_EDATA,
                       "not MNIST (%s): the file is too large; try another mirror",
                       url);
    }
    const bool full = code == CURL_WRITE_ERROR;
    return sn_fail(err, full ? SN_EIO : SN_ENOINPUT, "cannot download (%s): %s; %s",
                   url, reason,
                   full ? "free space on the disk"
                        : "check the network or name another mirror with --from");
}

/* text := the SHA-256 of the contents of path, uncompressed if it is a gzip file.
 * Copies the contents to the stream to, if that is not NULL; messages name the stream by
 * its path plain.  A truncated gzip file is no error here: its digest differs from the
 * expected one. */
static sn_status read_contents(const char *path, const char *url, FILE *to,
                               const char *plain, char text[SN_DIGEST_TEXT_BYTES],
                               sn_error *err)
{
    unsigned char buffer[COPY_BYTES];
    gzFile from = gzopen(path, "rb");
    if (from == NULL) {
        return sn_fail(err, SN_EIO, "cannot open (%s): %s", path, strerror(errno));
    }
    sn_digest *digest = sn_digest_create();
    sn_status status = SN_OK;
    size_t total = 0;
    int got = 0;
    while (status == SN_OK && (got = gzread(from, buffer, sizeof buffer)) > 0) {
        const size_t bytes = (size_t)got;
        total += bytes;
        sn_digest_add(digest, buffer, bytes);
        if (to != NULL && total > CONTENT_BYTES_MAX) {
            status = sn_fail(
                err, SN_EDATA,
                "not MNIST (%s): the file is too large; try another mirror", url);
        } else if (to != NULL && fwrite(buffer, 1, bytes, to) != bytes) {
            status = sn_fail(err, SN_EIO, "cannot write (%s): %s; free space", plain,
                             strerror(errno));
        }
    }
    int reason = Z_OK;
    if (got < 0) {
        (void)gzerror(from, &reason);
    }
    if (reason == Z_ERRNO) {
        status = sn_fail(err, SN_EIO, "cannot read (%s): %s", path, strerror(errno));
    } else if (got < 0) {
        status =
            sn_fail(err, SN_EDATA,
                    "damaged download (%s): it cannot be uncompressed; try another "
                    "mirror",
                    url);
    }
    gzclose_r(from);
    if (status == SN_OK) {
        status = sn_digest_finish(&digest, text, err);
    }
    sn_digest_destroy(&digest);
    return status;
}

static sn_status unpack(const char *packed, const char *url, const char *plain,
                        const char *wanted, sn_error *err)
{
    char digest[SN_DIGEST_TEXT_BYTES];
    FILE *to;
    sn_status status = sn_file_create(plain, &to, err);
    if (status != SN_OK) {
        return status;
    }
    status = read_contents(packed, url, to, plain, digest, err);
    if (fclose(to) != 0 && status == SN_OK) {
        status = sn_fail(err, SN_EIO, "cannot write (%s): %s; free space", plain,
                         strerror(errno));
    }
    if (status == SN_OK && strcmp(digest, wanted) != 0) {
        status =
            sn_fail(err, SN_EDATA,
                    "wrong checksum (%s): SHA-256 of the contents is %s, that of MNIST "
                    "is %s; try another mirror",
                    url, digest, wanted);
    }
    return status;
}

/* Downloads a file from a mirror to packed and uncompresses it to plain. */
static sn_status try_mirror(const char *mirror, int file, const char *packed,
                            const char *plain, sn_error *err)
{
    char url[SN_PATH_BYTES];
    size_t end = strlen(mirror);
    const char *slash = end > 0 && mirror[end - 1] == '/' ? "" : "/";
    sn_status status = sn_path_format(url, err, "%s%s%s.gz", mirror, slash,
                                      sn_dataset_file_names[file]);
    if (status == SN_OK) {
        status = download(url, packed, err);
    }
    return status == SN_OK ? unpack(packed, url, plain, sn_fetch_digests[file], err)
                           : status;
}

static sn_status try_mirrors(const char *const *mirrors, size_t mirror_count, int file,
                             const char *packed, const char *plain, sn_error *err)
{
    sn_status worst = sn_fail(err, SN_ENOINPUT, "cannot fetch (%s): no mirror is given",
                              sn_dataset_file_names[file]);
    for (size_t i = 0; i < mirror_count; i++) {
        sn_error reason;
        sn_status status = try_mirror(mirrors[i], file, packed, plain, &reason);
        if (status == SN_OK) {
            return SN_OK;
        }
        /* wrong contents are the better explanation than a mirror without an answer */
        if (worst != SN_EDATA || status != SN_ENOINPUT) {
            worst = sn_fail(err, status, "%s", reason.message);
        }
        if (status != SN_ENOINPUT && status != SN_EDATA) {
            return status;
        }
    }
    return worst;
}

sn_status sn_fetch_find(const char *dir, int file, const char *digest,
                        char path[SN_PATH_BYTES], bool *kept, sn_error *err)
{
    char own[SN_DIGEST_TEXT_BYTES];
    bool found;
    *kept = false;
    sn_status status = sn_dataset_find_file(dir, file, path, &found, err);
    if (status == SN_OK && found) {
        status = read_contents(path, path, NULL, NULL, own, err);
    }
    if ((status != SN_OK && status != SN_EDATA) || !found) {
        return status;
    }
    *kept = status == SN_OK && strcmp(own, digest) == 0;
    const char *ending = path + strlen(path) - strlen(sn_dataset_file_names[file]);
    const bool plain = strcmp(ending, sn_dataset_file_names[file]) == 0;
    return *kept ? SN_OK
                 : sn_fail(err, SN_ECREATE,
                           "will not %s (%s): it has other contents; choose another "
                           "folder, or remove it",
                           plain ? "overwrite" : "hide", path);
}

sn_status sn_fetch_file(const char *dir, int file, const char *const *mirrors,
                        size_t mirror_count, char path[SN_PATH_BYTES], bool *kept,
                        sn_error *err)
{
    char packed[SN_PATH_BYTES], plain[SN_PATH_BYTES];
    sn_status status =
        sn_fetch_find(dir, file, sn_fetch_digests[file], path, kept, err);
    if (status != SN_OK || *kept) {
        return status;
    }
    /* the process number makes the temporary names unique */
    const char *name = sn_dataset_file_names[file];
    const long process = (long)getpid();
    status = sn_path_format(packed, err, "%s/%s.%ld.gz" SN_TEMPORARY_SUFFIX, dir, name,
                            process);
    if (status == SN_OK) {
        status = sn_path_format(plain, err, "%s/%s.%ld" SN_TEMPORARY_SUFFIX, dir, name,
                                process);
    }
    if (status != SN_OK) {
        return status;
    }
    /* curl reports the same error for a folder without write permission and a full
     * disk, and writes through a link: this finds the first and replaces the second */
    status = sn_file_write(packed, "", 0, err);
    if (status == SN_OK) {
        status = try_mirrors(mirrors, mirror_count, file, packed, plain, err);
        if (status == SN_OK) {
            status = sn_file_publish(plain, path, err);
        }
        unlink(packed);
        unlink(plain);
    }
    return status;
}
