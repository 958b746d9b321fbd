#include "store/h5/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

void sn_h5_begin(void)
{
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

bool sn_h5_because(sn_h5_why *why, const char *format, ...)
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
    sn_h5_why *why = data;
    /* system errors come wrapped in a paragraph; errno's own words are enough */
    static const char marker[] = "error message = '";
    const char *quoted = strstr(entry->desc, marker);
    if (quoted != NULL) {
        quoted += sizeof marker - 1;
        sn_h5_because(why, "%.*s", (int)strcspn(quoted, "'"), quoted);
        why->status = SN_EIO;
    } else {
        sn_h5_because(why, "%s", entry->desc);
        why->status = entry->maj_num == H5E_RESOURCE || entry->min_num == H5E_NOSPACE
                          ? SN_ENOMEM
                          : SN_EDATA;
    }
    return 0;
}

bool sn_h5_explain(sn_h5_why *why)
{
    sn_h5_because(why, "HDF5 gives no reason");
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note_innermost, why);
    return false;
}

bool sn_h5_explain_as(sn_h5_why *why, const char *text)
{
    sn_h5_explain(why);
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

/* Files use the formats of HDF5 1.8: readable everywhere, and all metadata but the
 * chunk index carries checksums. */
static bool set_format(hid_t access)
{
    return H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0;
}

static bool set_locking(hid_t access, bool locking)
{
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
    return H5Pset_file_locking(access, locking, 1) >= 0;
#else
    (void)access;
    (void)locking;
    return true;
#endif
}

/* Access to a file in memory that grows by pieces of bytes. */
static hid_t memory_access(size_t bytes)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && (!set_format(access) || !set_locking(access, false) ||
                        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) < 0 ||
                        H5Pset_fapl_core(access, bytes, 0) < 0)) {
        sn_h5_close(&access);
    }
    return access;
}

bool sn_h5_image_create(size_t bytes, hid_t *file, sn_h5_why *why)
{
    /* the library looks for a file of this name before it makes one; none can be there
     */
    static const char name[] = "/dev/null/memory";
    /* The library cannot close a file that has met a shortage: there must be room for
     * the image and for the library's own copies of a chunk, of 1 MiB at most. */
    enum { LIBRARY_BYTES = 4 << 20 };
    void *room = malloc(bytes + LIBRARY_BYTES);
    if (room == NULL) {
        *file = H5I_INVALID_HID;
        return sn_h5_because(why, "out of memory");
    }
    free(room);
    hid_t access = memory_access(bytes);
    *file = access >= 0 ? H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access)
                        : H5I_INVALID_HID;
    bool done = *file >= 0 || sn_h5_explain(why);
    sn_h5_close(&access);
    return done;
}

static sn_status write_file(const char *path, const unsigned char *data, size_t bytes,
                            sn_error *err)
{
    /* a new file, so that nothing is written through a link that lies there */
    (void)unlink(path);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return sn_fail(err, SN_ECREATE, "cannot create (%s): %s", path,
                       strerror(errno));
    }
    bool done = sn_file_write_all(descriptor, data, bytes);
    int reason = errno;
    if (close(descriptor) != 0 && done) {
        done = false;
        reason = errno;
    }
    if (!done) {
        (void)unlink(path);
        return sn_fail(err, SN_EIO, "cannot write (%s): %s", path, strerror(reason));
    }
    return SN_OK;
}

sn_status sn_h5_image_save(hid_t file, const char *path, sn_error *err)
{
    void *handle = NULL;
    ssize_t bytes = 0;
    if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 ||
        (bytes = H5Fget_file_image(file, NULL, 0)) <= 0 ||
        H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0) {
        sn_h5_why why;
        sn_h5_explain(&why);
        return sn_fail(err, SN_ENOMEM, "cannot build in memory (%s): %s", path,
                       why.text);
    }
    /* the core driver's handle is the address of its buffer pointer */
    const unsigned char *image = *(unsigned char **)handle;
    return write_file(path, image, (size_t)bytes, err);
}

sn_status sn_h5_find(const char *path, sn_error *err)
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

static bool open_once(const char *path, bool writable, bool locking, hid_t *file,
                      sn_h5_why *why)
{
    *file = H5I_INVALID_HID;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    bool done =
        access >= 0 && (!writable || set_format(access)) &&
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 &&
        set_locking(access, locking) &&
        (*file = H5Fopen(path, writable ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access)) >= 0;
    if (!done) {
        sn_h5_explain(why);
    }
    sn_h5_close(&access);
    return done;
}

/* Did an open fail only because another process has locked the file? */
static bool is_busy(const sn_h5_why *why)
{
    return strcmp(why->text, strerror(EAGAIN)) == 0;
}

bool sn_h5_open(const char *path, hid_t *file, sn_h5_why *why)
{
    enum { TRIES = 6 };
    const struct timespec pause = {.tv_nsec = 50000000};
    for (int i = 0; i < TRIES; i++) {
        if (open_once(path, false, true, file, why)) {
            return true;
        }
        if (!is_busy(why)) {
            return false;
        }
        (void)nanosleep(&pause, NULL);
    }
    return open_once(path, false, false, file, why);
}

bool sn_h5_edit(const char *path, hid_t *file, sn_h5_why *why)
{
    return open_once(path, true, false, file, why);
}

bool sn_h5_glance(const char *path, hid_t *file, sn_h5_why *why)
{
    return open_once(path, false, false, file, why);
}

/* A pointer to the descriptor of a file on disk; NULL for one in memory. */
static int *descriptor_of(hid_t file)
{
    void *handle = NULL;
    hid_t access = H5Fget_access_plist(file);
    bool on_disk = access >= 0 && H5Pget_driver(access) == H5FD_SEC2 &&
                   H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0;
    sn_h5_close(&access);
    return on_disk ? handle : NULL;
}

void sn_h5_detach(hid_t file)
{
    int *descriptor = descriptor_of(file);
    FILE *sink = descriptor != NULL ? tmpfile() : NULL;
    if (sink != NULL) {
        (void)dup2(fileno(sink), *descriptor);
        (void)fclose(sink);
    }
}

bool sn_h5_finish(hid_t *file, sn_h5_why *why)
{
    bool done = H5Fflush(*file, H5F_SCOPE_GLOBAL) >= 0;
    if (!done) {
        sn_h5_explain(why);
        sn_h5_detach(*file);
    }
    if (H5Fclose(*file) < 0 && done) {
        done = sn_h5_explain(why);
    }
    *file = H5I_INVALID_HID;
    return done;
}

bool sn_h5_file_bytes(hid_t file, uint64_t *bytes, sn_h5_why *why)
{
    hsize_t size = 0;
    if (H5Fget_filesize(file, &size) < 0) {
        return sn_h5_explain(why);
    }
    *bytes = size;
    return true;
}
