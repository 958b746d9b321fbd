/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: IDX files, plain and gzip. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/formats/idx.h"

/* the limit of deflate, and an allowance for small files */
enum { RATIO_MAX = 1032, SLACK_BYTES = 2048, INPUT_BYTES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    const char *path = fuzz_file(data, size);
    for (int dimensions = 1; dimensions <= 3; dimensions += 2) {
        sn_error err = {""};
        sn_idx_header header;
        if (!fuzz_accepts(sn_idx_read_header(path, dimensions, &header, &err), SN_EDATA,
                          &err)) {
            continue;
        }
        if (header.payload_bytes > RATIO_MAX * size + SLACK_BYTES) {
            fuzz_never("%zu bytes from a file of %zu", header.payload_bytes, size);
        }
        /* the exact size, so that sanitizers detect a byte too many */
        uint8_t *buffer = malloc(header.payload_bytes);
        if (buffer == NULL) {
            fuzz_never("no memory for %zu bytes", header.payload_bytes);
        }
        fuzz_accepts(sn_idx_read_payload(path, &header, buffer, &err), SN_EDATA, &err);
        free(buffer);
    }
    return 0;
}

enum { PLAIN_BYTES = 16 + 5 * 7 * 6 };

/* Makes a plain file of five images of 7 x 6, or of 40 labels; returns its size. */
static size_t make_plain(int images, uint8_t plain[PLAIN_BYTES])
{
    static const uint8_t image_header[] = {0, 0, 8, 3, 0, 0, 0, 5,
                                           0, 0, 0, 7, 0, 0, 0, 6};
    static const uint8_t label_header[] = {0, 0, 8, 1, 0, 0, 0, 40};
    const size_t header = images ? sizeof image_header : sizeof label_header;
    const size_t size = images ? PLAIN_BYTES : header + 40;
    memcpy(plain, images ? image_header : label_header, header);
    for (size_t i = header; i < size; i++) {
        plain[i] = (uint8_t)(i * i % (images ? 256 : 10));
    }
    return size;
}

/* Makes a gzip member and returns its size; level 0 only stores, level 9 compresses. */
static size_t pack(int level, uint8_t *plain, size_t size, uint8_t *packed, size_t room)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        fuzz_never("deflate");
    }
    stream.next_in = plain;
    stream.avail_in = (uInt)size;
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
        fuzz_never("deflate");
    }
    deflateEnd(&stream);
    return stream.total_out;
}

uint8_t *fuzz_seed(size_t number, size_t *size)
{
    enum { SEEDS = 8, ROOM = 4 * PLAIN_BYTES };
    if (number >= SEEDS) {
        return NULL;
    }
    uint8_t plain[PLAIN_BYTES];
    uint8_t *seed = malloc(ROOM);
    if (seed == NULL) {
        fuzz_never("no memory");
    }
    const size_t bytes = make_plain(number % 2 == 0, plain);
    switch (number / 2) {
    case 0:
        memcpy(seed, plain, bytes);
        *size = bytes;
        break;
    case 1:
    case 2:
        *size = pack(number / 2 == 1 ? 9 : 0, plain, bytes, seed, ROOM);
        break;
    default: /* two members */
        *size = pack(9, plain, 11, seed, ROOM);
        *size += pack(1, plain + 11, bytes - 11, seed + *size, ROOM - *size);
    }
    return seed;
}

void fuzz_repair(uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
}
