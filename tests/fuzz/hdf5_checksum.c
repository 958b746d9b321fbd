/* SPDX-License-Identifier: BSD-3-Clause */
#include "hdf5_checksum.h"

#include <string.h>

enum { CHECKSUM_BYTES = 4 };

static uint32_t rotated(uint32_t word, int bits)
{
    return word << bits | word >> (32 - bits);
}

static void mix(uint32_t w[3])
{
    static const int bits[6] = {4, 6, 8, 16, 19, 4};
    for (int i = 0; i < 6; i++) {
        uint32_t *a = &w[i % 3], *b = &w[(i + 1) % 3], *c = &w[(i + 2) % 3];
        *a = (*a - *c) ^ rotated(*c, bits[i]);
        *c += *b;
    }
}

static void finish(uint32_t w[3])
{
    static const int bits[7] = {14, 11, 25, 16, 4, 14, 24};
    for (int i = 0; i < 7; i++) {
        uint32_t *to = &w[(i + 2) % 3], from = w[(i + 1) % 3];
        *to = (*to ^ from) - rotated(from, bits[i]);
    }
}

static uint32_t lookup3(const uint8_t *data, size_t size)
{
    enum { BLOCK = 12 };
    uint32_t w[3];
    w[0] = w[1] = w[2] = 0xdeadbeef + (uint32_t)size;
    while (size > 0) {
        const size_t chunk = size < BLOCK ? size : BLOCK;
        for (size_t i = 0; i < chunk; i++) {
            w[i / 4] += (uint32_t)data[i] << (8 * (i % 4));
        }
        if (size <= BLOCK) {
            finish(w);
            break;
        }
        mix(w);
        data += chunk;
        size -= chunk;
    }
    return w[2];
}

static void put_number(uint8_t *at, uint64_t number, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        at[i] = (uint8_t)(number >> (8 * i));
    }
}

static void put_checksum(uint8_t *begin, size_t bytes)
{
    put_number(begin + bytes, lookup3(begin, bytes), CHECKSUM_BYTES);
}

/* Returns the bytes of an object header before its checksum, or 0 if it is cut off. */
static size_t header_bytes(const uint8_t *header, size_t left)
{
    enum { PREFIX = 6, TIMES = 0x20, PHASES = 0x10, WIDTH = 3 };
    if (left < PREFIX + 20 + 8 + CHECKSUM_BYTES) {
        return 0;
    }
    const uint8_t flags = header[5];
    size_t at = PREFIX;
    at += flags & TIMES ? 16 : 0;
    at += flags & PHASES ? 4 : 0;
    uint64_t chunk = 0;
    const size_t width = (size_t)1 << (flags & WIDTH);
    for (size_t i = 0; i < width; i++) {
        chunk |= (uint64_t)header[at + i] << (8 * i);
    }
    at += width;
    return chunk <= left - at - CHECKSUM_BYTES ? at + (size_t)chunk : 0;
}

void hdf5_repair(uint8_t *data, size_t size)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    enum { END_OF_FILE = 28, SUPERBLOCK_BYTES = 44 };
    if (size >= SUPERBLOCK_BYTES + CHECKSUM_BYTES &&
        memcmp(data, signature, sizeof signature) == 0 && data[8] >= 2) {
        put_number(data + END_OF_FILE, size, 8);
        put_checksum(data, SUPERBLOCK_BYTES);
    }
    for (size_t at = 0; at + 4 <= size; at++) {
        if (memcmp(data + at, "OHDR", 4) == 0) {
            const size_t bytes = header_bytes(data + at, size - at);
            if (bytes > 0) {
                put_checksum(data + at, bytes);
            }
        }
    }
}
