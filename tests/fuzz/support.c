/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

void fuzz_never(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "broken contract: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    abort();
}

int fuzz_accepts(sn_status status, sn_status expected, const sn_error *err)
{
    if (status != SN_OK && status != expected) {
        fuzz_never("%s: %s", sn_status_text(status), err->message);
    }
    if (status != SN_OK && err->message[0] == '\0') {
        fuzz_never("%s without a message", sn_status_text(status));
    }
    return status == SN_OK;
}

static char file_path[64];
static pid_t file_owner;

static void remove_file(void)
{
    if (getpid() == file_owner) {
        (void)unlink(file_path);
    }
}

/* Creates the file in memory if possible: a file system is a hundred times slower. */
static int make_file(void)
{
    static const char *const folders[] = {"/dev/shm", "/tmp"};
    int made = -1;
    for (size_t i = 0; made < 0 && i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(file_path, sizeof file_path, "%s/shardnet-fuzz-XXXXXX", folders[i]);
        made = mkstemp(file_path);
    }
    file_owner = getpid();
    if (made < 0 || atexit(remove_file) != 0) {
        fuzz_never("cannot create a temporary file: %s", strerror(errno));
    }
    return made;
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int descriptor = -1;
    if (descriptor < 0) {
        descriptor = make_file();
    }
    if (ftruncate(descriptor, 0) != 0 ||
        pwrite(descriptor, data, size, 0) != (ssize_t)size) {
        fuzz_never("cannot write the temporary file: %s", strerror(errno));
    }
    return file_path;
}

const char *fuzz_seed_path(void)
{
    static char path[64];
    strcpy(path, "/tmp/shardnet-seed-XXXXXX");
    if (mkdtemp(path) == NULL) {
        fuzz_never("cannot create a temporary folder: %s", strerror(errno));
    }
    strcat(path, "/seed");
    return path;
}

uint8_t *fuzz_take_file(const char *path, size_t *size)
{
    char folder[256];
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(FUZZ_BYTES_MAX);
    if (file == NULL || data == NULL) {
        fuzz_never("cannot read %s", path);
    }
    *size = fread(data, 1, FUZZ_BYTES_MAX, file);
    if (getc(file) != EOF) {
        fuzz_never("%s is longer than %d bytes", path, FUZZ_BYTES_MAX);
    }
    fclose(file);
    remove(path);
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    rmdir(folder);
    return data;
}
