#include "data/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/digest.h"
#include "base/file.h"
#include "data/dataset.h"

extern char **environ;

enum {
    REASON_BYTES = 512,
    COPY_BYTES = 65536,
    /* above the largest of the four files, so that a mirror cannot fill the disk */
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

/* The last line that arrives, which is where a program says why it gave up. */
static void read_last_line(int descriptor, char line[REASON_BYTES])
{
    char text[2 * REASON_BYTES];
    size_t held = 0;
    for (;;) {
        ssize_t got = read(descriptor, text + held, sizeof text - 1 - held);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        held += (size_t)got;
        if (held >= REASON_BYTES) {
            memmove(text, text + held - REASON_BYTES / 2, REASON_BYTES / 2);
            held = REASON_BYTES / 2;
        }
    }
    while (held > 0 && (text[held - 1] == '\n' || text[held - 1] == '\r')) {
        held--;
    }
    text[held] = '\0';
    const char *newline = strrchr(text, '\n');
    snprintf(line, REASON_BYTES, "%.*s", REASON_BYTES - 1,
             newline != NULL ? newline + 1 : text);
}

/* Starts curl with its stderr in a pipe; the error number, 0 for success. */
static int start_curl(const char *url, const char *output, pid_t *process, int *errors)
{
    /* --globoff: brackets in a URL are meant as they are */
    const char *arguments[] = {
        "curl", "-fsSL", "--globoff", "--retry", "2", "--connect-timeout",
        "10",   "-o",    output,      url,       NULL};
    int ends[2];
    if (pipe(ends) != 0) {
        return errno;
    }
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code == 0) {
        code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                                O_RDONLY, 0);
        if (code == 0) {
            code = posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
        }
        if (code == 0) {
            code = posix_spawn_file_actions_addclose(&actions, ends[0]);
        }
        if (code == 0) {
            /* the interface lacks const; curl gets its own copy */
            code = posix_spawnp(process, "curl", &actions, NULL,
                                (char *const *)arguments, environ);
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
    }
    *errors = ends[0];
    return code;
}

static sn_status download(const char *url, const char *output, sn_error *err)
{
    pid_t process = 0;
    int errors = -1, result = 0;
    int code = start_curl(url, output, &process, &errors);
    if (code == 0) {
        char reason[REASON_BYTES];
        read_last_line(errors, reason);
        close(errors);
        while (waitpid(process, &result, 0) < 0 && errno == EINTR) {
        }
        if (WIFEXITED(result) && WEXITSTATUS(result) == 0) {
            return SN_OK;
        }
        if (!WIFEXITED(result) || WEXITSTATUS(result) != NOT_FOUND) {
            bool full = WIFEXITED(result) && WEXITSTATUS(result) == CURL_WRITE_ERROR;
            return sn_fail(
                err, full ? SN_EIO : SN_ENOINPUT, "cannot download (%s): %s; %s", url,
                reason[0] != '\0' ? reason : "curl was stopped",
                full ? "free space on the disk"
                     : "check the network or name another mirror with --from");
        }
        code = ENOENT;
    }
    return sn_fail(
        err, SN_ENOINPUT,
        "cannot run the program curl (%s): %s; install curl, or put the four "
        "files into the folder by hand",
        url, strerror(code));
}

static sn_status copy_content(gzFile from, const char *url, FILE *to, const char *path,
                              sn_error *err)
{
    unsigned char buffer[COPY_BYTES];
    size_t total = 0;
    int got;
    while ((got = gzread(from, buffer, sizeof buffer)) > 0) {
        total += (size_t)got;
        if (total > CONTENT_BYTES_MAX) {
            return sn_fail(err, SN_EDATA,
                           "not MNIST (%s): the file is too large; try another mirror",
                           url);
        }
        if (fwrite(buffer, 1, (size_t)got, to) != (size_t)got) {
            return sn_fail(err, SN_EIO, "cannot write (%s): %s; free space", path,
                           strerror(errno));
        }
    }
    if (got < 0) {
        return sn_fail(err, SN_EDATA,
                       "damaged download (%s): it does not uncompress; try another "
                       "mirror",
                       url);
    }
    return SN_OK;
}

/* A download cut short is left to the digest to find. */
static sn_status uncompress_file(const char *packed, const char *url, const char *plain,
                                 sn_error *err)
{
    gzFile from = gzopen(packed, "rb");
    if (from == NULL) {
        return sn_fail(err, SN_EIO, "cannot open (%s): %s", packed, strerror(errno));
    }
    FILE *to = fopen(plain, "wb");
    sn_status status;
    if (to == NULL) {
        status =
            sn_fail(err, SN_ECREATE, "cannot create (%s): %s", plain, strerror(errno));
    } else {
        status = copy_content(from, url, to, plain, err);
        if (fclose(to) != 0 && status == SN_OK) {
            status = sn_fail(err, SN_EIO, "cannot write (%s): %s; free space", plain,
                             strerror(errno));
        }
    }
    gzclose_r(from);
    return status;
}

static sn_status check_digest(const char *plain, const char *url, const char *wanted,
                              sn_error *err)
{
    char digest[SN_DIGEST_TEXT_BYTES];
    sn_status status = sn_digest_file(plain, digest, err);
    if (status == SN_OK && strcmp(digest, wanted) != 0) {
        status =
            sn_fail(err, SN_EDATA,
                    "wrong checksum (%s): SHA-256 of the contents is %s, MNIST's is "
                    "%s; try another mirror",
                    url, digest, wanted);
    }
    return status;
}

/* One file from one mirror into packed, then plain. */
static sn_status try_mirror(const char *mirror, int file, const char *packed,
                            const char *plain, sn_error *err)
{
    char url[SN_PATH_BYTES];
    size_t end = strlen(mirror);
    const char *slash = end > 0 && mirror[end - 1] == '/' ? "" : "/";
    int length = snprintf(url, sizeof url, "%s%s%s.gz", mirror, slash,
                          sn_dataset_file_names[file]);
    if (length < 0 || length >= SN_PATH_BYTES) {
        return sn_fail(err, SN_ERANGE, "mirror's address too long (%s)", mirror);
    }
    sn_status status = download(url, packed, err);
    if (status == SN_OK) {
        status = uncompress_file(packed, url, plain, err);
    }
    if (status == SN_OK) {
        status = check_digest(plain, url, sn_fetch_digests[file], err);
    }
    return status;
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
        /* wrong contents say more than a mirror that does not answer */
        if (worst != SN_EDATA || status != SN_ENOINPUT) {
            worst = sn_fail(err, status, "%s", reason.message);
        }
        if (status != SN_ENOINPUT && status != SN_EDATA) {
            return status;
        }
    }
    return worst;
}

/* dir/NAME with an ending that no other process uses */
static sn_status temporary_path(char path[SN_PATH_BYTES], const char *dir, int file,
                                const char *ending, sn_error *err)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%ld%s", sn_dataset_file_names[file], (long)getpid(),
             ending);
    return sn_path_join(path, dir, name, err);
}

/* Asked first, since curl calls an unwritable folder and a full disk the same. */
static sn_status create_empty(const char *path, sn_error *err)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return sn_fail(err, SN_ECREATE,
                       "cannot create (%s): %s; choose a folder you may write to", path,
                       strerror(errno));
    }
    fclose(file);
    return SN_OK;
}

/* SHA-256 of what a gzip file holds; false where it is none, or cannot be read. */
static bool digest_packed(const char *path, char text[SN_DIGEST_TEXT_BYTES])
{
    unsigned char buffer[COPY_BYTES];
    gzFile from = gzopen(path, "rb");
    sn_digest *digest = sn_digest_create();
    bool done = from != NULL && digest != NULL;
    int got = 1;
    while (done && (got = gzread(from, buffer, sizeof buffer)) > 0) {
        done = sn_digest_add(digest, buffer, (size_t)got, NULL) == SN_OK;
    }
    done = done && got == 0 && !gzdirect(from) &&
           sn_digest_finish(digest, text, NULL) == SN_OK;
    sn_digest_destroy(&digest);
    if (from != NULL) {
        done = gzclose_r(from) == Z_OK && done;
    }
    return done;
}

sn_status sn_fetch_place(const char *dir, int file, const char *wanted,
                         char path[SN_PATH_BYTES], bool *kept, sn_error *err)
{
    char packed[64], found[SN_DIGEST_TEXT_BYTES];
    const char *name = sn_dataset_file_names[file];
    snprintf(packed, sizeof packed, "%s.gz", name);
    *kept = false;
    sn_status status = sn_path_join(path, dir, packed, err);
    const bool is_packed = status == SN_OK && sn_file_exists(path);
    if (status == SN_OK) {
        status = sn_path_join(path, dir, name, err);
    }
    const bool is_plain = status == SN_OK && sn_file_exists(path);
    if (status != SN_OK || (!is_plain && !is_packed)) {
        return status;
    }
    if (!is_plain) {
        status = sn_path_join(path, dir, packed, err);
    }
    const bool read = is_plain ? sn_digest_file(path, found, NULL) == SN_OK
                               : digest_packed(path, found);
    *kept = read && strcmp(found, wanted) == 0;
    return status != SN_OK || *kept
               ? status
               : sn_fail(err, SN_ECREATE,
                         "will not %s (%s): it holds other data; choose another "
                         "folder, or remove it",
                         is_plain ? "overwrite" : "hide", path);
}

sn_status sn_fetch_file(const char *dir, int file, const char *const *mirrors,
                        size_t mirror_count, char path[SN_PATH_BYTES], bool *kept,
                        sn_error *err)
{
    char packed[SN_PATH_BYTES], plain[SN_PATH_BYTES];
    sn_status status =
        sn_fetch_place(dir, file, sn_fetch_digests[file], path, kept, err);
    if (status != SN_OK || *kept) {
        return status;
    }
    status = temporary_path(packed, dir, file, ".gz" SN_TEMPORARY_SUFFIX, err);
    if (status == SN_OK) {
        status = temporary_path(plain, dir, file, SN_TEMPORARY_SUFFIX, err);
    }
    if (status != SN_OK) {
        return status;
    }
    status = create_empty(packed, err);
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
