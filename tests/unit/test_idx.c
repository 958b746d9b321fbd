/* SPDX-License-Identifier: BSD-3-Clause */
/* IDX files: round trips, and the errors of malformed files. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/system/file.h"
#include "data/formats/idx.h"
#include "scratch.h"

/* mode "wb" creates the file, "ab" appends a gzip member. */
static void write_gzip(const uint8_t *bytes, size_t count, const char *mode)
{
    gzFile file = gzopen(path, mode);
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)count), count);
    assert_int_equal(gzclose(file), Z_OK);
}

/* Reads header and payload as the loader does; the caller frees *payload. */
static sn_status read_all(int dimensions, sn_idx_header *header, uint8_t **payload,
                          sn_error *err)
{
    *payload = NULL;
    sn_status status = sn_idx_read_header(path, dimensions, header, err);
    if (status == SN_OK) {
        *payload = malloc(header->payload_bytes);
        assert_non_null(*payload);
        status = sn_idx_read_payload(path, header, *payload, err);
    }
    return status;
}

/* Expects an error whose message is one line with the path and why. */
static void expect_error(int dimensions, sn_status wanted, const char *why)
{
    sn_idx_header header;
    uint8_t *payload;
    sn_error err = {""};
    sn_status status = read_all(dimensions, &header, &payload, &err);
    free(payload);
    assert_int_equal(status, wanted);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, why));
    assert_non_null(strstr(err.message, "; "));
    assert_null(strchr(err.message, '\n'));
}

/* Fills bytes with numbers that cannot be compressed. */
static void scramble(uint8_t *bytes, size_t count)
{
    uint32_t word = 12345;
    for (size_t i = 0; i < count; i++) {
        word = word * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(word >> 24);
    }
}

/* A file with the three labels 7, 0, 255. */
static const uint8_t three_labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 255};

static void expect_three_labels(void)
{
    sn_idx_header header;
    uint8_t *payload;
    sn_error err = {""};
    assert_int_equal(read_all(1, &header, &payload, &err), SN_OK);
    assert_int_equal(header.dimensions, 1);
    assert_int_equal(header.size[0], 3);
    assert_int_equal(header.payload_bytes, 3);
    assert_memory_equal(payload, three_labels + 8, 3);
    free(payload);
}

static void plain_and_gzip_files_have_the_same_contents(void **state)
{
    (void)state;
    write_bytes(three_labels, sizeof three_labels);
    expect_three_labels();
    write_gzip(three_labels, sizeof three_labels, "wb");
    expect_three_labels();
}

static void a_written_file_reads_back_unchanged(void **state)
{
    (void)state;
    enum { COUNT = 301, ROWS = 19, COLS = 23, BYTES = COUNT * ROWS * COLS };
    const size_t size[3] = {COUNT, ROWS, COLS};
    uint8_t *elements = malloc(BYTES), *file = malloc(BYTES + 17), *payload;
    assert_non_null(elements);
    assert_non_null(file);
    scramble(elements, BYTES);
    sn_error err = {""};
    assert_int_equal(sn_idx_write(path, 3, size, elements, &err), SN_OK);
    for (int packed = 0; packed < 2; packed++) {
        sn_idx_header header;
        assert_int_equal(read_all(3, &header, &payload, &err), SN_OK);
        assert_int_equal(header.dimensions, 3);
        assert_memory_equal(header.size, size, sizeof size);
        assert_int_equal(header.payload_bytes, BYTES);
        assert_memory_equal(payload, elements, BYTES);
        free(payload);
        if (packed == 0) {
            assert_int_equal(read_bytes(file, BYTES + 17), BYTES + 16);
            write_gzip(file, BYTES + 16, "wb");
        }
    }
    free(elements);
    free(file);
}

static void a_gzip_file_may_have_several_members(void **state)
{
    (void)state;
    write_gzip(three_labels, 5, "wb");
    write_gzip(three_labels + 5, 4, "ab");
    write_gzip(three_labels + 9, 2, "ab");
    expect_three_labels();
}

static void writing_leaves_no_temporary_file_and_rejects_bad_sizes(void **state)
{
    (void)state;
    const size_t size[3] = {2, 1, 1};
    const uint8_t elements[2] = {1, 2};
    char lost[SN_PATH_BYTES], temporary[SN_PATH_BYTES];
    sn_error err = {""};
    snprintf(lost, sizeof lost, "%s/absent/file", folder);
    assert_int_equal(sn_idx_write(lost, 3, size, elements, &err), SN_ECREATE);
    assert_non_null(strstr(err.message, lost));

    assert_int_equal(sn_idx_write(path, 3, size, elements, &err), SN_OK);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_false(sn_file_exists(temporary));

    const size_t none[3] = {2, 0, 1}, huge[3] = {2, (size_t)UINT32_MAX + 1, 1};
    assert_int_equal(sn_idx_write(path, 3, none, elements, &err), SN_ERANGE);
    assert_int_equal(sn_idx_write(path, 3, huge, elements, &err), SN_ERANGE);
    assert_int_equal(sn_idx_write(path, 4, size, elements, &err), SN_ERANGE);
    assert_int_equal(sn_idx_write(path, 0, size, elements, &err), SN_ERANGE);
}

static void a_wrong_magic_number_is_rejected(void **state)
{
    (void)state;
    uint8_t bytes[sizeof three_labels];
    for (int packed = 0; packed < 2; packed++) {
        for (size_t i = 0; i < 4; i++) {
            static const char *const why[] = {"not an IDX file", "not an IDX file",
                                              "element type 0x0d", "dimensions"};
            memcpy(bytes, three_labels, sizeof bytes);
            bytes[i] = i == 3 ? 2 : 0x0d;
            if (packed) {
                write_gzip(bytes, sizeof bytes, "wb");
            } else {
                write_bytes(bytes, sizeof bytes);
            }
            expect_error(1, SN_EDATA, why[i]);
        }
    }
    /* images in the place of labels, and labels in the place of images */
    const uint8_t image[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9};
    write_bytes(image, sizeof image);
    expect_error(1, SN_EDATA, "3 dimensions instead of 1");
    write_bytes(three_labels, sizeof three_labels);
    expect_error(3, SN_EDATA, "1 dimensions instead of 3");
}

static void a_dimension_of_zero_is_rejected(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint8_t image[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9};
        char why[32];
        image[7 + 4 * i] = 0;
        snprintf(why, sizeof why, "dimension %zu is 0", i + 1);
        write_bytes(image, sizeof image);
        expect_error(3, SN_EDATA, why);
        write_gzip(image, sizeof image, "wb");
        expect_error(3, SN_EDATA, why);
    }
}

static void every_truncated_file_is_rejected(void **state)
{
    (void)state;
    uint8_t packed[256];
    write_gzip(three_labels, sizeof three_labels, "wb");
    size_t packed_bytes = read_bytes(packed, sizeof packed);
    for (size_t length = 0; length < packed_bytes; length++) {
        write_bytes(packed, length);
        expect_error(1, SN_EDATA, "");
    }
    for (size_t length = 0; length < sizeof three_labels; length++) {
        write_bytes(three_labels, length);
        expect_error(1, SN_EDATA,
                     length == 0  ? "empty"
                     : length < 8 ? "header is cut off"
                                  : "it is cut off");
    }
    /* complete gzip data of an incomplete file */
    write_gzip(three_labels, sizeof three_labels - 1, "wb");
    expect_error(1, SN_EDATA, "fewer");
    write_gzip(three_labels, 0, "wb");
    expect_error(1, SN_EDATA, "empty");
}

static void trailing_bytes_are_rejected(void **state)
{
    (void)state;
    uint8_t bytes[256] = {0};
    memcpy(bytes, three_labels, sizeof three_labels);
    write_bytes(bytes, sizeof three_labels + 1);
    expect_error(1, SN_EDATA, "trailing bytes");
    write_gzip(bytes, sizeof three_labels + 1, "wb");
    expect_error(1, SN_EDATA, "holds more");

    write_gzip(three_labels, sizeof three_labels, "wb");
    size_t packed_bytes = read_bytes(bytes, sizeof bytes);
    bytes[packed_bytes] = 'x';
    write_bytes(bytes, packed_bytes + 1);
    expect_error(1, SN_EDATA, "bytes follow");
}

static void every_changed_bit_of_a_gzip_file_is_rejected(void **state)
{
    (void)state;
    enum { LABELS = 600, FILE_BYTES = LABELS + 8 };
    uint8_t plain[FILE_BYTES] = {0, 0, 8, 1, 0, 0, LABELS >> 8, LABELS & 255};
    uint8_t packed[2 * FILE_BYTES];
    scramble(plain + 8, LABELS);
    write_gzip(plain, sizeof plain, "wb");
    size_t packed_bytes = read_bytes(packed, sizeof packed);
    assert_true(packed_bytes > LABELS);
    for (size_t i = 0; i < packed_bytes; i++) {
        /* time, level and system of the gzip header may have any value */
        if (i >= 4 && i < 10) {
            continue;
        }
        packed[i] ^= 1;
        write_bytes(packed, packed_bytes);
        sn_idx_header header;
        uint8_t *payload;
        sn_error err = {""};
        sn_status status = read_all(1, &header, &payload, &err);
        /* bit 0 of the flags (probably text) has no effect */
        assert_int_equal(status, i == 3 ? SN_OK : SN_EDATA);
        free(payload);
        packed[i] ^= 1;
    }
    /* the last eight bytes are the checksum and the length */
    packed[packed_bytes - 8] ^= 0x40;
    write_bytes(packed, packed_bytes);
    expect_error(1, SN_EDATA, "checksum is wrong");
}

static void a_header_that_claims_too_much_is_rejected(void **state)
{
    (void)state;
    uint8_t image[17] = {0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 28, 0, 0, 0, 28, 9};
    write_bytes(image, sizeof image);
    expect_error(3, SN_EDATA, "cut off");
    write_gzip(image, sizeof image, "wb");
    expect_error(3, SN_EDATA, "more than a gzip file");

    /* the product of the sizes exceeds 64 bits */
    memset(image + 4, 255, 12);
    write_bytes(image, sizeof image);
    expect_error(3, SN_EDATA, "more elements");
    write_gzip(image, sizeof image, "wb");
    expect_error(3, SN_EDATA, "more elements");
}

static void the_best_compression_is_accepted(void **state)
{
    (void)state;
    enum { LABELS = 4000000, FILE_BYTES = LABELS + 8 };
    uint8_t *plain = calloc(FILE_BYTES, 1), *payload;
    assert_non_null(plain);
    memcpy(plain, (const uint8_t[]){0, 0, 8, 1, 0, 0x3d, 0x09, 0x00}, 8);
    write_gzip(plain, FILE_BYTES, "wb9");
    sn_idx_header header;
    sn_error err = {""};
    assert_int_equal(read_all(1, &header, &payload, &err), SN_OK);
    assert_int_equal(header.payload_bytes, LABELS);
    assert_memory_equal(payload, plain + 8, LABELS);
    free(payload);
    free(plain);
}

static void missing_and_special_files_are_rejected(void **state)
{
    (void)state;
    unlink(path);
    expect_error(1, SN_ENOINPUT, "No such file");
    assert_int_equal(mkdir(path, 0777), 0);
    expect_error(1, SN_ENOINPUT, "folder");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0666), 0);
    expect_error(1, SN_ENOINPUT, "not a file");
    unlink(path);
    write_bytes(three_labels, sizeof three_labels);
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    obey_permissions(true);
    expect_error(1, SN_ENOINPUT, "ermission");
    obey_permissions(false);
    unlink(path);
}

static void a_file_that_changed_after_its_header_was_read_is_rejected(void **state)
{
    (void)state;
    uint8_t two_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 0}, payload[3];
    sn_idx_header header;
    sn_error err = {""};
    write_bytes(three_labels, sizeof three_labels);
    assert_int_equal(sn_idx_read_header(path, 1, &header, &err), SN_OK);
    write_bytes(two_labels, sizeof two_labels);
    assert_int_equal(sn_idx_read_payload(path, &header, payload, &err), SN_EDATA);
    assert_non_null(strstr(err.message, "changed"));
    unlink(path);
    assert_int_equal(sn_idx_read_payload(path, &header, payload, &err), SN_ENOINPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_gzip_files_have_the_same_contents),
        cmocka_unit_test(a_written_file_reads_back_unchanged),
        cmocka_unit_test(a_gzip_file_may_have_several_members),
        cmocka_unit_test(writing_leaves_no_temporary_file_and_rejects_bad_sizes),
        cmocka_unit_test(a_wrong_magic_number_is_rejected),
        cmocka_unit_test(a_dimension_of_zero_is_rejected),
        cmocka_unit_test(every_truncated_file_is_rejected),
        cmocka_unit_test(trailing_bytes_are_rejected),
        cmocka_unit_test(every_changed_bit_of_a_gzip_file_is_rejected),
        cmocka_unit_test(a_header_that_claims_too_much_is_rejected),
        cmocka_unit_test(the_best_compression_is_accepted),
        cmocka_unit_test(missing_and_special_files_are_rejected),
        cmocka_unit_test(a_file_that_changed_after_its_header_was_read_is_rejected),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
