/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/h5/h5.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system/file.h"

void sn_h5_silence(void)
{
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

bool sn_h5_fail(sn_h5_reason *why, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    why->status = SN_EDATA;
    return false;
}

static herr_t note_innermost(unsigned depth, const H5E_error2_t *entry, void *data)
{
    if (depth != 0 || entry->desc == NULL) {
        return 0;
    }
    sn_h5_reason *why = data;
    /* HDF5 embeds the text of errno in a long paragraph; keep only that text. */
    static const char marker[] = "error message = '";
    const char *quoted = strstr(entry->desc, marker);
    if (quoted != NULL) {
        quoted += sizeof marker - 1;
        sn_h5_fail(why, "%.*s", (int)strcspn(quoted, "'"), quoted);
        why->status = SN_EIO;
    } else {
        sn_h5_fail(why, "%s", entry->desc);
        why->status = entry->maj_num == H5E_RESOURCE || entry->min_num == H5E_NOSPACE
                          ? SN_ENOMEM
                          : SN_EDATA;
    }
    return 0;
}

bool sn_h5_fail_library(sn_h5_reason *why)
{
    sn_h5_fail(why, "HDF5 reports no reason");
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note_innermost, why);
    return false;
}

bool sn_h5_fail_library_as(sn_h5_reason *why, const char *text)
{
    sn_h5_fail_library(why);
    snprintf(why->text, sizeof why->text, "%s", text);
    return false;
}

void sn_h5_close(hid_t *id)
{
    if (*id >= 0) {
        (void)H5Idec_ref(*id);
        *id = H5I_INVALID_HID;
    }
}

/* Returns the file access properties.  Locking is off: a file under its final name
 * never changes, so a lock only blocks other programs.  Files are written in the format
 * of HDF5 1.8: every newer version reads it, and all metadata except the chunk index
 * has checksums. */
static hid_t file_access(bool writable)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    bool done = access >= 0 && H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0;
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
    done = done && H5Pset_file_locking(access, false, true) >= 0;
#endif
    done = done && (!writable ||
                    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0);
    if (!done) {
        sn_h5_close(&access);
    }
    return access;
}

static bool has_memory(size_t bytes)
{
    /* volatile, because compilers may drop a malloc whose memory is only freed */
    void *volatile memory = malloc(bytes);
    const bool enough = memory != NULL;
    free(memory);
    return enough;
}

sn_status sn_h5_image_check_room(const char *path, size_t bytes, sn_error *err)
{
    enum { LIBRARY_BYTES = 4 << 20 }; /* the library's copies of chunks of 1 MiB */
    return has_memory(bytes + LIBRARY_BYTES)
               ? SN_OK
               : sn_fail(err, SN_ENOMEM,
                         "cannot build in memory (%s): out of memory; rank 0 needs "
                         "%zu MB more: raise the limit (ulimit -v, Slurm: --mem) or "
                         "start fewer ranks on its node",
                         path, ((bytes + LIBRARY_BYTES) >> 20) + 1);
}

bool sn_h5_memory_is_short(size_t bytes)
{
    enum { EXTRA_BYTES = 16 << 20 };
    return !has_memory(bytes + EXTRA_BYTES);
}

bool sn_h5_image_open(const char *path, size_t bytes, hid_t *file, sn_h5_reason *why)
{
    /* HDF5 looks for a file of this name first; none can exist here. */
    static const char none[] = "/dev/null/memory";
    *file = H5I_INVALID_HID;
    hid_t access = file_access(true);
    const bool done = access >= 0 && H5Pset_fapl_core(access, bytes, 0) >= 0 &&
                      (*file = path != NULL ? H5Fopen(path, H5F_ACC_RDWR, access)
                                            : H5Fcreate(none, H5F_ACC_TRUNC,
                                                        H5P_DEFAULT, access)) >= 0;
    if (!done) {
        sn_h5_fail_library(why);
    }
    sn_h5_close(&access);
    return done;
}

sn_status sn_h5_image_save(hid_t file, const char *path, sn_error *err)
{
    void *handle = NULL;
    ssize_t bytes = 0;
    if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 ||
        (bytes = H5Fget_file_image(file, NULL, 0)) <= 0 ||
        H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0) {
        sn_h5_reason why;
        sn_h5_fail_library(&why);
        return sn_fail(err, SN_ENOMEM, "cannot build in memory (%s): %s", path,
                       why.text);
    }
    /* The core driver's handle is the address of its buffer pointer. */
    return sn_file_write(path, *(unsigned char **)handle, (size_t)bytes, err);
}

sn_status sn_h5_check_file(const char *path, sn_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s", path, strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return sn_fail(err, SN_ENOINPUT, "cannot open (%s): not a file", path);
    }
    if (access(path, R_OK) != 0) {
        return sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s", path, strerror(errno));
    }
    return SN_OK;
}

bool sn_h5_open(const char *path, hid_t *file, sn_h5_reason *why)
{
    hid_t access = file_access(false);
    *file = access >= 0 ? H5Fopen(path, H5F_ACC_RDONLY, access) : H5I_INVALID_HID;
    const bool done = *file >= 0 || sn_h5_fail_library(why);
    sn_h5_close(&access);
    return done;
}
