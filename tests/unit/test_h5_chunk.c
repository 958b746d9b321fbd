/* Chunks that are made past HDF5's filters, read by HDF5 itself, which checks their
 * checksums. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/h5/h5.h"
#include "support.h"

typedef struct shape {
    int rank;
    hsize_t extents[2], chunk[2];
} shape;

static size_t count_of(const shape *s)
{
    return (size_t)(s->rank == 2 ? s->extents[0] * s->extents[1] : s->extents[0]);
}

/* A dataset in a file in memory. */
typedef struct place {
    hid_t file, dataset;
} place;

static place make(const shape *s)
{
    place p;
    sn_h5_why why;
    assert_true(sn_h5_image_create(1 << 16, &p.file, &why));
    hid_t space = H5Screate_simple(s->rank, s->extents, NULL);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Pset_chunk(creation, s->rank, s->chunk) >= 0);
    assert_true(H5Pset_fletcher32(creation) >= 0);
    p.dataset = H5Dcreate2(p.file, "d", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation,
                           H5P_DEFAULT);
    assert_true(p.dataset >= 0);
    H5Pclose(creation);
    H5Sclose(space);
    return p;
}

static void drop(place *p)
{
    sn_h5_close(&p->dataset);
    sn_h5_close(&p->file);
}

static const shape shapes[] = {
    {1, {1, 0}, {1, 0}},      {1, {1000, 0}, {1000, 0}}, {1, {1000, 0}, {64, 0}},
    {2, {1, 1}, {1, 1}},      {2, {7, 5}, {7, 5}},       {2, {7, 5}, {3, 5}},
    {2, {10, 784}, {4, 784}}, {2, {3, 1000}, {1, 300}},  {2, {5, 9}, {2, 4}},
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

/* Values whose bits are any; floats only by their size. */
static float *draw(size_t count, uint32_t seed)
{
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        const uint32_t bits = seed >> 1; /* no sign, so as not to be a NaN too often */
        memcpy(&values[i], &bits, sizeof bits);
    }
    return values;
}

static void assert_readable(hid_t dataset, const float *values, size_t count)
{
    float *read = malloc(count * sizeof *read);
    assert_non_null(read);
    assert_true(H5Dread(dataset, H5T_IEEE_F32LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, read) >=
                0);
    assert_memory_equal(read, values, count * sizeof *read);
    free(read);
}

static void test_library_reads_it(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const shape *s = &shapes[i];
        const size_t count = count_of(s);
        float *values = draw(count, (uint32_t)i);
        place p = make(s);
        sn_h5_why why;
        assert_true(
            sn_h5_write_floats(p.dataset, s->rank, s->extents, s->chunk, values, &why));
        assert_true(H5Fflush(p.file, H5F_SCOPE_GLOBAL) >= 0);
        assert_readable(p.dataset, values, count);
        assert_true(sn_h5_compare_floats(p.dataset, s->rank, s->extents, s->chunk,
                                         values, &why));
        drop(&p);
        free(values);
    }
}

/* What the library writes is what we would have written, padding apart. */
static void test_same_as_the_library(void **state)
{
    (void)state;
    const shape whole = {2, {8, 784}, {4, 784}}; /* without a padded chunk */
    float *values = draw(count_of(&whole), 1);
    place p = make(&whole);
    sn_h5_why why;
    assert_true(H5Dwrite(p.dataset, H5T_IEEE_F32LE, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                         values) >= 0);
    assert_true(H5Fflush(p.file, H5F_SCOPE_GLOBAL) >= 0);
    assert_true(
        sn_h5_compare_floats(p.dataset, 2, whole.extents, whole.chunk, values, &why));
    drop(&p);
    free(values);
}

static void test_every_difference_is_told(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const shape *s = &shapes[i];
        const size_t count = count_of(s);
        float *values = draw(count, 7);
        place p = make(s);
        sn_h5_why why;
        assert_true(
            sn_h5_write_floats(p.dataset, s->rank, s->extents, s->chunk, values, &why));
        for (size_t at = 0; at < count; at += count / 50 + 1) {
            uint32_t bits;
            memcpy(&bits, &values[at], sizeof bits);
            bits ^= UINT32_C(1) << (at % 32);
            memcpy(&values[at], &bits, sizeof bits);
            assert_false(sn_h5_compare_floats(p.dataset, s->rank, s->extents, s->chunk,
                                              values, &why));
            assert_non_null(strstr(why.text, "not what was written"));
            bits ^= UINT32_C(1) << (at % 32);
            memcpy(&values[at], &bits, sizeof bits);
        }
        hsize_t other[2] = {s->chunk[0] + 1, s->chunk[1]};
        assert_false(
            sn_h5_compare_floats(p.dataset, s->rank, s->extents, other, values, &why));
        assert_non_null(strstr(why.text, "other chunks"));
        drop(&p);
        free(values);
    }
}

/* HDF5's own loop (H5_checksum_fletcher32), word by word. */
static uint32_t plain_fletcher32(const unsigned char *bytes, size_t count)
{
    uint32_t first = 0, second = 0;
    for (size_t i = 0; i + 1 < count; i += 2) {
        first += (uint32_t)bytes[i] << 8 | bytes[i + 1];
        first = (first & 0xffff) + (first >> 16);
        second += first;
        second = (second & 0xffff) + (second >> 16);
    }
    return second << 16 | first;
}

static void test_checksum(void **state)
{
    (void)state;
    enum { BYTES = 20000 };
    unsigned char *bytes = malloc(BYTES);
    assert_non_null(bytes);
    const int fills[] = {0, 0xff, 1, -1};
    for (size_t f = 0; f < sizeof fills / sizeof *fills; f++) {
        uint32_t seed = 3;
        for (size_t i = 0; i < BYTES; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (unsigned char)(fills[f] >= 0 ? (uint32_t)fills[f] : seed >> 24);
        }
        for (size_t count = 0; count <= BYTES; count += count < 600 ? 2 : 1946) {
            assert_int_equal(sn_h5_fletcher32(bytes, count),
                             plain_fletcher32(bytes, count));
        }
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library_reads_it),
        cmocka_unit_test(test_same_as_the_library),
        cmocka_unit_test(test_every_difference_is_told),
        cmocka_unit_test(test_checksum),
    };
    return cmocka_run_group_tests_name("h5_chunk", tests, NULL, NULL);
}
