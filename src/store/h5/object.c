/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/h5/h5.h"

#include <stdio.h>
#include <string.h>

/* Fails if any link on the path is missing or is not a hard link. */
static bool links_are_hard(hid_t file, const char *path, sn_h5_reason *why)
{
    char name[64];
    for (const char *end = path; *end != '\0' && strcmp(path, "/") != 0;) {
        H5L_info_t info;
        end += 1 + strcspn(end + 1, "/");
        snprintf(name, sizeof name, "%.*s", (int)(end - path), path);
        const htri_t exists = H5Lexists(file, name, H5P_DEFAULT);
        if (exists == 0) {
            return sn_h5_fail(why, "missing");
        }
        if (exists < 0 || H5Lget_info(file, name, &info, H5P_DEFAULT) < 0) {
            return sn_h5_fail_library(why);
        }
        if (info.type != H5L_TYPE_HARD) {
            return sn_h5_fail(why,
                              "a soft or external link; only hard links are supported");
        }
    }
    return true;
}

/* Fails if the data of a dataset are in other files.  HDF5 opens the sources of a
 * virtual dataset when it reads the shape, and a FIFO as source would block it. */
static bool is_stored_in_file(hid_t dataset, sn_h5_reason *why)
{
    hid_t creation = H5Dget_create_plist(dataset);
    const H5D_layout_t layout =
        creation >= 0 ? H5Pget_layout(creation) : H5D_LAYOUT_ERROR;
    const bool external =
        layout == H5D_VIRTUAL ||
        (layout == H5D_CONTIGUOUS && H5Pget_external_count(creation) != 0);
    sn_h5_close(&creation);
    return layout < 0 ? sn_h5_fail_library_as(why, "its layout is not readable")
           : !external
               ? true
               : sn_h5_fail(why, "stored in another file, which is not supported");
}

bool sn_h5_open_object(hid_t file, const char *path, H5I_type_t type, hid_t *object,
                       sn_h5_reason *why)
{
    *object = H5I_INVALID_HID;
    if (!links_are_hard(file, path, why)) {
        return false;
    }
    const char *text =
        type == H5I_GROUP ? "not a readable group" : "not a readable dataset";
    *object = H5Oopen(file, path, H5P_DEFAULT);
    if (*object < 0) {
        return sn_h5_fail_library_as(why, text);
    }
    bool done = H5Iget_type(*object) == type || sn_h5_fail(why, "%s", text);
    if (done && type == H5I_DATASET) {
        done = is_stored_in_file(*object, why);
    }
    if (!done) {
        sn_h5_close(object);
    }
    return done;
}

bool sn_h5_create_group(hid_t parent, const char *name, hid_t *group, sn_h5_reason *why)
{
    enum { HEADER_ATTRIBUTES = 64 };
    *group = H5I_INVALID_HID;
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
    bool done =
        creation >= 0 &&
        H5Pset_attr_phase_change(creation, HEADER_ATTRIBUTES, 0) >= 0 &&
        (*group = H5Gcreate2(parent, name, H5P_DEFAULT, creation, H5P_DEFAULT)) >= 0;
    if (!done) {
        sn_h5_fail_library(why);
    }
    sn_h5_close(&creation);
    return done;
}

static bool write_scalar(hid_t object, const char *name, hid_t file_type,
                         hid_t memory_type, const void *value, sn_h5_reason *why)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5I_INVALID_HID;
    bool done = space >= 0 &&
                (attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT,
                                        H5P_DEFAULT)) >= 0 &&
                H5Awrite(attribute, memory_type, value) >= 0;
    if (!done) {
        sn_h5_fail_library(why);
    }
    sn_h5_close(&attribute);
    sn_h5_close(&space);
    return done;
}

typedef struct number {
    hid_t file, memory;
    const char *name;
} number;

static number number_of(sn_h5_number kind)
{
    const number numbers[] = {
        [SN_H5_INT64] = {H5T_STD_I64LE, H5T_NATIVE_INT64,
                         "a 64-bit little-endian integer"},
        [SN_H5_UINT64] = {H5T_STD_U64LE, H5T_NATIVE_UINT64,
                          "a 64-bit little-endian unsigned integer"},
        [SN_H5_DOUBLE] = {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE,
                          "a 64-bit little-endian floating-point number"}};
    return numbers[kind];
}

bool sn_h5_write_number(hid_t object, const char *name, sn_h5_number kind,
                        const void *value, sn_h5_reason *why)
{
    const number type = number_of(kind);
    return write_scalar(object, name, type.file, type.memory, value, why);
}

hid_t sn_h5_text_type(size_t bytes)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 &&
        (H5Tset_size(type, bytes) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)) {
        sn_h5_close(&type);
    }
    return type;
}

bool sn_h5_write_text(hid_t object, const char *name, const char *value,
                      sn_h5_reason *why)
{
    size_t bytes = strlen(value) + 1;
    if (bytes > SN_H5_TEXT_BYTES) {
        return sn_h5_fail(why, "text longer than %d bytes", SN_H5_TEXT_BYTES - 1);
    }
    hid_t type = sn_h5_text_type(bytes);
    if (type < 0) {
        return sn_h5_fail_library(why);
    }
    bool done = write_scalar(object, name, type, type, value, why);
    sn_h5_close(&type);
    return done;
}

/* Opens an attribute that holds exactly one value. */
static bool open_scalar(hid_t object, const char *name, hid_t *attribute, hid_t *type,
                        sn_h5_reason *why)
{
    *attribute = *type = H5I_INVALID_HID;
    htri_t exists = H5Aexists(object, name);
    if (exists == 0) {
        return sn_h5_fail(why, "missing");
    }
    if (exists < 0 || (*attribute = H5Aopen(object, name, H5P_DEFAULT)) < 0 ||
        (*type = H5Aget_type(*attribute)) < 0) {
        return sn_h5_fail_library(why);
    }
    hid_t space = H5Aget_space(*attribute);
    hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    sn_h5_close(&space);
    return count == 1 || sn_h5_fail(why, "not a single value");
}

bool sn_h5_read_number(hid_t object, const char *name, sn_h5_number kind, void *value,
                       sn_h5_reason *why)
{
    const number expected = number_of(kind);
    hid_t attribute, type;
    bool done = open_scalar(object, name, &attribute, &type, why);
    if (done && H5Tequal(type, expected.file) <= 0) {
        done = sn_h5_fail(why, "not %s", expected.name);
    }
    if (done && H5Aread(attribute, expected.memory, value) < 0) {
        done = sn_h5_fail_library(why);
    }
    sn_h5_close(&type);
    sn_h5_close(&attribute);
    return done;
}

bool sn_h5_read_text(hid_t object, const char *name, char *text, size_t bytes,
                     sn_h5_reason *why)
{
    hid_t attribute, type, memory_type = H5I_INVALID_HID;
    bool done = open_scalar(object, name, &attribute, &type, why);
    if (done && (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0)) {
        done = sn_h5_fail(why, "not fixed-length text");
    }
    const size_t stored =
        done ? H5Tget_size(type) + (H5Tget_strpad(type) != H5T_STR_NULLTERM) : 0;
    if (done && stored > bytes) {
        done = sn_h5_fail(why, "text longer than %zu bytes", bytes - 1);
    }
    if (done && ((memory_type = sn_h5_text_type(bytes)) < 0 ||
                 H5Tset_cset(memory_type, H5Tget_cset(type)) < 0 ||
                 H5Aread(attribute, memory_type, text) < 0)) {
        done = sn_h5_fail_library(why);
    }
    sn_h5_close(&memory_type);
    sn_h5_close(&type);
    sn_h5_close(&attribute);
    return done;
}

bool sn_h5_check_shape(hid_t dataset, hid_t type, int rank, hsize_t extents[],
                       sn_h5_reason *why)
{
    hid_t file_type = H5Dget_type(dataset);
    if (file_type < 0) {
        return sn_h5_fail_library_as(why, "not of the expected type");
    }
    bool same = H5Tequal(file_type, type) > 0;
    sn_h5_close(&file_type);
    if (!same) {
        return sn_h5_fail(why, "not of the expected type");
    }
    hid_t space = H5Dget_space(dataset);
    bool done = space >= 0 && H5Sget_simple_extent_type(space) == H5S_SIMPLE &&
                H5Sget_simple_extent_ndims(space) == rank &&
                H5Sget_simple_extent_dims(space, extents, NULL) == rank;
    sn_h5_close(&space);
    return done || sn_h5_fail(why, "not of rank %d", rank);
}

/* A dataset whose rows first .. extents[0] - 1 are checked.  extents[1] is 1 if rank is
 * 1. */
typedef struct storage {
    hid_t dataset, creation;
    int rank;
    hsize_t first, extents[2], file_bytes;
    size_t element_bytes;
    bool all;
} storage;

/* Checks that each chunk from row first on is complete, filtered and inside the file;
 * it may be missing unless s->all.  HDF5 trusts the chunk index, which has no checksum.
 */
static bool check_chunks(const storage *s, const hsize_t chunk[2], hsize_t stored_bytes,
                         sn_h5_reason *why)
{
    hsize_t at[2];
    for (at[0] = s->first - s->first % chunk[0]; at[0] < s->extents[0];
         at[0] += chunk[0]) {
        for (at[1] = 0; at[1] < s->extents[1]; at[1] += chunk[1]) {
            unsigned skipped = 0;
            haddr_t address = HADDR_UNDEF;
            hsize_t bytes = 0;
            if (H5Dget_chunk_info_by_coord(s->dataset, at, &skipped, &address, &bytes) <
                0) {
                return sn_h5_fail_library(why);
            }
            if (!s->all && address == HADDR_UNDEF) {
                continue;
            }
            if (skipped != 0 || bytes != stored_bytes || address > s->file_bytes ||
                bytes > s->file_bytes - address) {
                return sn_h5_fail(why, "a chunk is missing or has a wrong size");
            }
        }
    }
    return true;
}

static bool check_chunked(const storage *s, sn_h5_reason *why)
{
    enum { CHECKSUM_BYTES = 4 };
    hsize_t chunk[2] = {1, 1};
    if (H5Pget_chunk(s->creation, 2, chunk) != s->rank) {
        return sn_h5_fail(why, "the chunks have another rank");
    }
    uint64_t bytes = s->element_bytes;
    for (int i = 0; i < s->rank; i++) {
        if (chunk[i] == 0 || chunk[i] > s->file_bytes / bytes) {
            return sn_h5_fail(why, "a chunk is larger than the file");
        }
        bytes *= chunk[i];
    }
    const int filters = H5Pget_nfilters(s->creation);
    unsigned flags, config;
    size_t parameters = 0;
    if (filters != 0 &&
        (filters != 1 || H5Pget_filter2(s->creation, 0, &flags, &parameters, NULL, 0,
                                        NULL, &config) != H5Z_FILTER_FLETCHER32)) {
        return sn_h5_fail(why, "uses a filter other than fletcher32");
    }
    return check_chunks(s, chunk, bytes + (filters == 1 ? CHECKSUM_BYTES : 0), why);
}

static bool check_layout(const storage *s, sn_h5_reason *why)
{
    uint64_t needed = s->element_bytes;
    for (int i = 0; i < s->rank; i++) {
        if (s->extents[i] != 0 && needed > s->file_bytes / s->extents[i]) {
            return sn_h5_fail(why, "larger than the file");
        }
        needed *= s->extents[i];
    }
    if (s->all && H5Dget_storage_size(s->dataset) < needed) {
        return sn_h5_fail(why, "the file does not contain all of its data");
    }
    return needed == 0 || H5Pget_layout(s->creation) != H5D_CHUNKED ||
           check_chunked(s, why);
}

bool sn_h5_check_storage(hid_t dataset, hsize_t first, hsize_t end, bool all,
                         sn_h5_reason *why)
{
    hid_t file = H5Iget_file_id(dataset), space = H5Dget_space(dataset);
    hid_t type = H5Dget_type(dataset);
    storage s = {.dataset = dataset,
                 .creation = H5Dget_create_plist(dataset),
                 .first = first,
                 .extents = {1, 1},
                 .all = all};
    const bool known =
        file >= 0 && space >= 0 && type >= 0 && s.creation >= 0 &&
        (s.rank = H5Sget_simple_extent_dims(space, s.extents, NULL)) > 0 &&
        (s.element_bytes = H5Tget_size(type)) > 0 &&
        H5Fget_filesize(file, &s.file_bytes) >= 0;
    s.extents[0] = end;
    const bool done = known ? check_layout(&s, why) : sn_h5_fail_library(why);
    sn_h5_close(&s.creation);
    sn_h5_close(&type);
    sn_h5_close(&space);
    sn_h5_close(&file);
    return done;
}
