/* SPDX-License-Identifier: BSD-3-Clause */
/* The layout of APPNOTE.TXT of PKWARE: a local header and the bytes of each member, then
 * a table with an entry for each, then the place of the table.  The tests need no field
 * but names, sizes, checksums and places. */
#include "make_npz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LOCAL_BYTES = 30, ENTRY_BYTES = 46, END_BYTES = 22, NPY_BYTES = 10 };

typedef struct output {
    uint8_t *file;
    size_t size, room;
} output;

static uint8_t *add(output *out, const void *bytes, size_t count)
{
    uint8_t *at = out->file + out->size;
    if (count > out->room - out->size) {
        fprintf(stderr, "make_npz: the archive is too large\n");
        abort();
    }
    if (bytes != NULL) {
        memcpy(at, bytes, count);
    } else {
        memset(at, 0, count);
    }
    out->size += count;
    return at;
}

static void put(uint8_t *at, size_t number, int width)
{
    for (int i = 0; i < width; i++) {
        at[i] = (uint8_t)(number >> (8 * i));
    }
}

static size_t get(const uint8_t *at, int width)
{
    size_t number = 0;
    for (int i = width - 1; i >= 0; i--) {
        number = number << 8 | at[i];
    }
    return number;
}

/* Sets what a local header and an entry share, from the version on. */
static void put_common(uint8_t *at, const npz_array *a, size_t bytes)
{
    put(at, 20, 2);
    put(at + 14, bytes, 4);
    put(at + 18, bytes, 4);
    put(at + 22, strlen(a->name), 2);
}

static void add_member(output *out, const npz_array *a)
{
    const size_t text = strlen(a->header), bytes = NPY_BYTES + text + a->bytes;
    uint8_t *at = add(out, NULL, LOCAL_BYTES);
    memcpy(at, "PK\3\4", 4);
    put_common(at + 4, a, bytes);
    (void)add(out, a->name, strlen(a->name));
    at = add(out, NULL, NPY_BYTES);
    memcpy(at, "\x93NUMPY\1", 7);
    put(at + 8, text, 2);
    (void)add(out, a->header, text);
    (void)add(out, a->elements, a->bytes);
}

size_t make_npz(const npz_array arrays[MAKE_NPZ_ARRAYS], uint8_t *file, size_t room)
{
    output out = {file, 0, room};
    size_t place[MAKE_NPZ_ARRAYS];
    for (int i = 0; i < MAKE_NPZ_ARRAYS; i++) {
        place[i] = out.size;
        add_member(&out, &arrays[i]);
    }
    const size_t table = out.size;
    for (int i = 0; i < MAKE_NPZ_ARRAYS; i++) {
        const npz_array *a = &arrays[i];
        uint8_t *at = add(&out, NULL, ENTRY_BYTES);
        memcpy(at, "PK\1\2", 4);
        put(at + 4, 20, 2);
        put_common(at + 6, a, NPY_BYTES + strlen(a->header) + a->bytes);
        put(at + 42, place[i], 4);
        (void)add(&out, a->name, strlen(a->name));
    }
    const size_t table_bytes = out.size - table;
    uint8_t *at = add(&out, NULL, END_BYTES);
    memcpy(at, "PK\5\6", 4);
    put(at + 8, MAKE_NPZ_ARRAYS, 2);
    put(at + 10, MAKE_NPZ_ARRAYS, 2);
    put(at + 12, table_bytes, 4);
    put(at + 16, table, 4);
    make_npz_repair(file, out.size);
    return out.size;
}

void make_npz_repair(uint8_t *file, size_t size)
{
    for (size_t at = 0; at + ENTRY_BYTES <= size; at++) {
        if (memcmp(file + at, "PK\1\2", 4) != 0) {
            continue;
        }
        const size_t bytes = get(file + at + 20, 4), place = get(file + at + 42, 4);
        if (place > size || size - place < LOCAL_BYTES) {
            continue;
        }
        uint8_t *local = file + place;
        const size_t start =
            place + LOCAL_BYTES + get(local + 26, 2) + get(local + 28, 2);
        if (start > size || bytes > size - start) {
            continue;
        }
        const size_t sum = crc32(crc32(0, NULL, 0), file + start, (uInt)bytes);
        put(local + 14, sum, 4);
        put(file + at + 16, sum, 4);
    }
}
