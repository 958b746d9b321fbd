/* Chunks of float datasets as bytes, so that a checkpoint is not copied from buffer to
 * buffer on its way through HDF5's pipeline of filters. */
#include <stdlib.h>
#include <string.h>

#include "base/real.h"
#include "store/h5/h5.h"

enum { CHECKSUM_BYTES = 4, FLOAT_BYTES = 4 };

static bool lowest_byte_first(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, sizeof first);
    return first == 1;
}

void sn_h5_float_bytes(size_t count, const float *values, unsigned char *bytes)
{
    if (lowest_byte_first()) {
        memcpy(bytes, values, FLOAT_BYTES * count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &values[i], sizeof word);
        for (int b = 0; b < FLOAT_BYTES; b++) {
            bytes[FLOAT_BYTES * i + (size_t)b] = (unsigned char)(word >> 8 * b);
        }
    }
}

/* Fletcher's two sums over 16-bit words w[0..n): the sum of w[i] and that of
 * (n - i) w[i], both modulo 65535.  Taken in LANES at a time, word k LANES + l of a
 * block of ROUNDS LANES words, from additions alone: a[l] = sum over k of w, b[l] = sum
 * over k of (ROUNDS - k) w, weighted = LANES sum of b[l] - sum of l a[l]. b[l] is at
 * most 65535 ROUNDS (ROUNDS + 1) / 2, which fits. */
enum { LANES = 8, ROUNDS = 256, MODULUS = 65535 };

SN_HOT
static void add_rounds(const unsigned char *bytes, size_t rounds, uint32_t a[LANES],
                       uint32_t b[LANES])
{
    uint32_t plain[LANES] = {0}, heavy[LANES] = {0};
    for (size_t k = 0; k < rounds; k++) {
        uint16_t words[LANES];
        memcpy(words, bytes + k * sizeof words, sizeof words);
        for (int l = 0; l < LANES; l++) {
            plain[l] += words[l];
            heavy[l] += plain[l];
        }
    }
    memcpy(a, plain, sizeof plain);
    memcpy(b, heavy, sizeof heavy);
}

typedef struct sums {
    uint64_t plain, weighted;
} sums;

/* More words of these sums of their own behind those of s. */
static void append(sums *s, uint64_t words, uint64_t plain, uint64_t weighted)
{
    s->weighted = (s->weighted + words * s->plain + weighted) % MODULUS;
    s->plain = (s->plain + plain) % MODULUS;
}

/* A sum modulo 65535 as folding its carries leaves it, zero only for zeroes.  HDF5
 * takes words with their highest byte first; modulo 65535 that is a factor of 256 and
 * makes the bytes of a sum of the other words change places. */
static uint32_t finish(uint64_t sum, bool zeroes)
{
    const uint32_t folded = sum == 0 && !zeroes ? MODULUS : (uint32_t)sum;
    return lowest_byte_first() ? (folded & 0xff) << 8 | folded >> 8 : folded;
}

uint32_t sn_h5_fletcher32(const unsigned char *bytes, size_t count)
{
    enum { ROUND_BYTES = 2 * LANES };
    sums s = {0, 0};
    bool zeroes = true;
    while (count >= ROUND_BYTES) {
        const size_t all = count / ROUND_BYTES, rounds = all < ROUNDS ? all : ROUNDS;
        uint32_t a[LANES], b[LANES];
        add_rounds(bytes, rounds, a, b);
        uint64_t plain = 0, weighted = 0;
        for (uint64_t l = 0; l < LANES; l++) {
            plain += a[l];
            weighted += LANES * (uint64_t)b[l] - l * a[l];
        }
        append(&s, rounds * LANES, plain, weighted);
        zeroes = zeroes && plain == 0;
        bytes += rounds * ROUND_BYTES;
        count -= rounds * ROUND_BYTES;
    }
    for (; count >= 2; count -= 2, bytes += 2) {
        uint16_t word;
        memcpy(&word, bytes, sizeof word);
        append(&s, 1, word, word);
        zeroes = zeroes && word == 0;
    }
    return finish(s.weighted, zeroes) << 16 | finish(s.plain, zeroes);
}

/* A dataset of rows x columns in chunks of their own rows x columns; one dimension
 * counts as one row. */
typedef struct grid {
    int rank;
    hsize_t rows, columns, chunk_rows, chunk_columns;
    size_t bytes; /* of a chunk, its checksum included */
} grid;

static grid make_grid(int rank, const hsize_t extents[], const hsize_t chunk[])
{
    grid g = {.rank = rank,
              .rows = rank == 2 ? extents[0] : 1,
              .columns = extents[rank - 1],
              .chunk_rows = rank == 2 ? chunk[0] : 1,
              .chunk_columns = chunk[rank - 1]};
    g.bytes = (size_t)(g.chunk_rows * g.chunk_columns) * FLOAT_BYTES + CHECKSUM_BYTES;
    return g;
}

/* bytes (g->bytes): what the file holds for the chunk at row, column of values. */
static void fill_chunk(const grid *g, hsize_t row, hsize_t column, const float *values,
                       unsigned char *bytes)
{
    const size_t wide = (size_t)g->chunk_columns * FLOAT_BYTES;
    const hsize_t left = g->columns - column;
    const size_t columns = (size_t)(left < g->chunk_columns ? left : g->chunk_columns);
    const size_t payload = g->bytes - CHECKSUM_BYTES;
    for (hsize_t i = 0; i < g->chunk_rows; i++) {
        unsigned char *line = bytes + (size_t)i * wide;
        const size_t used = row + i < g->rows ? columns : 0;
        if (used > 0) {
            sn_h5_float_bytes(used, values + (row + i) * g->columns + column, line);
        }
        memset(line + used * FLOAT_BYTES, 0, wide - used * FLOAT_BYTES);
    }
    const uint32_t checksum = sn_h5_fletcher32(bytes, payload);
    for (int b = 0; b < CHECKSUM_BYTES; b++) {
        bytes[payload + (size_t)b] = (unsigned char)(checksum >> 8 * b);
    }
}

/* Does something with a chunk that lies at offset and ought to hold bytes. */
typedef bool visit(hid_t dataset, const hsize_t offset[], const unsigned char *bytes,
                   unsigned char *scratch, size_t count, sn_h5_why *why);

static bool visit_chunks(hid_t dataset, const grid *g, const float *values, visit *act,
                         sn_h5_why *why)
{
    unsigned char *bytes = malloc(2 * g->bytes);
    bool done = bytes != NULL || sn_h5_because(why, "out of memory");
    for (hsize_t row = 0; done && row < g->rows; row += g->chunk_rows) {
        for (hsize_t column = 0; done && column < g->columns;
             column += g->chunk_columns) {
            const hsize_t offset[2] = {g->rank == 2 ? row : column, column};
            fill_chunk(g, row, column, values, bytes);
            done = act(dataset, offset, bytes, bytes + g->bytes, g->bytes, why);
        }
    }
    free(bytes);
    return done;
}

static bool write_chunk(hid_t dataset, const hsize_t offset[],
                        const unsigned char *bytes, unsigned char *scratch,
                        size_t count, sn_h5_why *why)
{
    (void)scratch;
    return H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, offset, count, bytes) >= 0 ||
           sn_h5_explain(why);
}

static bool compare_chunk(hid_t dataset, const hsize_t offset[],
                          const unsigned char *bytes, unsigned char *scratch,
                          size_t count, sn_h5_why *why)
{
    hsize_t stored;
    uint32_t skipped = 1;
    if (H5Dget_chunk_storage_size(dataset, offset, &stored) < 0) {
        return sn_h5_explain(why);
    }
    if (stored != count) {
        return sn_h5_because(why, "is not what was written");
    }
    if (H5Dread_chunk(dataset, H5P_DEFAULT, offset, &skipped, scratch) < 0) {
        return sn_h5_explain(why);
    }
    return (skipped == 0 && memcmp(scratch, bytes, count) == 0) ||
           sn_h5_because(why, "is not what was written");
}

bool sn_h5_write_floats(hid_t dataset, int rank, const hsize_t extents[],
                        const hsize_t chunk[], const float *values, sn_h5_why *why)
{
    const grid g = make_grid(rank, extents, chunk);
    return visit_chunks(dataset, &g, values, write_chunk, why);
}

bool sn_h5_compare_floats(hid_t dataset, int rank, const hsize_t extents[],
                          const hsize_t chunk[], const float *values, sn_h5_why *why)
{
    const grid g = make_grid(rank, extents, chunk);
    hid_t creation = H5Dget_create_plist(dataset);
    hsize_t found[2] = {0, 0};
    const bool same = creation >= 0 && H5Pget_layout(creation) == H5D_CHUNKED &&
                      H5Pget_chunk(creation, 2, found) == rank &&
                      memcmp(found, chunk, (size_t)rank * sizeof *chunk) == 0;
    sn_h5_close(&creation);
    return same ? visit_chunks(dataset, &g, values, compare_chunk, why)
                : sn_h5_because(why, "is in other chunks than were written");
}
