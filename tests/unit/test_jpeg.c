/* SPDX-License-Identifier: BSD-3-Clause */
/* JPEG pictures: colours, scans, orientation, and the errors of malformed files. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/image/image.h"
#include "data/image/orientation.h"
#include "make_jpeg.h"
#include "scratch.h"

enum { ROWS = 21, COLS = 30, FILE_BYTES_MAX = 1 << 16 };

static uint8_t grey[ROWS * COLS], rgb[ROWS * COLS * 3], cmyk[ROWS * COLS * 4];

static int set_up(void **state)
{
    for (size_t i = 0; i < ROWS * COLS; i++) {
        const size_t row = i / COLS, col = i % COLS;
        rgb[3 * i] = (uint8_t)(8 * row);
        rgb[3 * i + 1] = (uint8_t)(7 * col);
        rgb[3 * i + 2] = (uint8_t)(4 * (row + col));
        grey[i] = (uint8_t)((299 * rgb[3 * i] + 587 * rgb[3 * i + 1] +
                             114 * rgb[3 * i + 2] + 500) /
                            1000);
    }
    return make_folder(state);
}

static void make(int channels, jpeg_scans scans, int orientation, int little)
{
    make_jpeg(path, &(jpeg_spec){.width = COLS,
                                 .height = ROWS,
                                 .channels = channels,
                                 .scans = scans,
                                 .orientation = orientation,
                                 .little = little,
                                 .values = channels == 1   ? grey
                                           : channels == 3 ? rgb
                                                           : cmyk});
}

static sn_images read_picture(size_t rows, size_t cols)
{
    sn_images images;
    sn_error err = {""};
    if (sn_image_read(path, &images, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(images.kind, SN_IMAGE_JPEG);
    assert_int_equal(images.count, 1);
    assert_int_equal(images.rows, rows);
    assert_int_equal(images.cols, cols);
    return images;
}

/* Expects an error whose message is one line with the path and why, no images, and
 * nothing on stderr. */
static void expect_error(sn_status wanted, const char *why)
{
    sn_images images;
    sn_error err = {""};
    struct stat printed;
    fflush(stderr);
    char log[80];
    snprintf(log, sizeof log, "%s.log", path);
    const int kept = dup(STDERR_FILENO), instead = open(log, O_CREAT | O_RDWR, 0600);
    assert_true(kept >= 0 && dup2(instead, STDERR_FILENO) >= 0);
    const sn_status status = sn_image_read(path, &images, &err);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    assert_int_equal(fstat(instead, &printed), 0);
    close(kept);
    close(instead);
    unlink(log);
    if (status != wanted || strstr(err.message, why) == NULL) {
        fail_msg("status %d, '%s' instead of %d, '%s'", status, err.message, wanted,
                 why);
    }
    assert_non_null(strstr(err.message, path));
    assert_null(strchr(err.message, '\n'));
    assert_null(images.pixels);
    assert_int_equal(printed.st_size, 0);
}

static void colours_and_scans_give_the_same_grey(void **state)
{
    static const struct {
        int channels;
        jpeg_scans scans;
    } cases[] = {{1, JPEG_BASELINE},
                 {1, JPEG_PROGRESSIVE},
                 {3, JPEG_BASELINE},
                 {3, JPEG_PROGRESSIVE}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        make(cases[k].channels, cases[k].scans, 0, 0);
        sn_images images = read_picture(ROWS, COLS);
        for (size_t i = 0; i < ROWS * COLS; i++) {
            assert_in_range(images.pixels[i] + 3, grey[i], grey[i] + 6);
        }
        sn_image_clear(&images);
    }
}

/* Returns the index in an upright picture of pixel (row, col) of the file, from the
 * table of Exif: which side of the picture the first row and column of the file are. */
static size_t upright(int orientation, size_t row, size_t col)
{
    const size_t down = ROWS - 1 - row, left = COLS - 1 - col;
    switch (orientation) {
    case 1: /* top, left */
        return row * COLS + col;
    case 2: /* top, right */
        return row * COLS + left;
    case 3: /* bottom, right */
        return down * COLS + left;
    case 4: /* bottom, left */
        return down * COLS + col;
    case 5: /* left, top */
        return col * ROWS + row;
    case 6: /* right, top */
        return col * ROWS + down;
    case 7: /* right, bottom */
        return left * ROWS + down;
    default: /* left, bottom */
        return left * ROWS + row;
    }
}

static void exif_orientation_turns_the_picture(void **state)
{
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++) {
        for (int little = 0; little <= 1; little++) {
            make(1, JPEG_BASELINE, orientation, little);
            sn_images images = read_picture(orientation > 4 ? COLS : ROWS,
                                            orientation > 4 ? ROWS : COLS);
            for (size_t i = 0; i < ROWS * COLS; i++) {
                const uint8_t found =
                    images.pixels[upright(orientation, i / COLS, i % COLS)];
                assert_in_range(found + 3, grey[i], grey[i] + 6);
            }
            sn_image_clear(&images);
        }
    }
}

static void malformed_exif_records_are_ignored(void **state)
{
    /* an entry that ends after the record, a table after it, an orientation of 9 */
    static const uint8_t good[] = "Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0"
                                  "\x01\0\0\0\x06\0\0\0";
    uint8_t bytes[sizeof good];
    (void)state;
    memcpy(bytes, good, sizeof good);
    assert_int_equal(sn_orientation_find(bytes, sizeof good), 6);
    for (size_t count = 0; count < sizeof good - 1; count++) {
        assert_int_equal(sn_orientation_find(bytes, count), 1);
    }
    bytes[24] = 9;
    assert_int_equal(sn_orientation_find(bytes, sizeof good), 1);
    bytes[24] = 6;
    bytes[11] = 0xff;
    assert_int_equal(sn_orientation_find(bytes, sizeof good), 1);
}

static void a_file_that_is_cut_off_is_an_error(void **state)
{
    uint8_t bytes[FILE_BYTES_MAX];
    (void)state;
    for (int scans = JPEG_BASELINE; scans <= JPEG_PROGRESSIVE; scans++) {
        make(3, (jpeg_scans)scans, 0, 0);
        const size_t count = read_bytes(bytes, FILE_BYTES_MAX);
        for (size_t length = 2; length < count; length++) {
            write_bytes(bytes, length);
            expect_error(SN_EDATA, "JPEG file");
        }
    }
}

/* Overwrites width and height in the header of the frame. */
static void claim(unsigned rows, unsigned cols)
{
    uint8_t bytes[FILE_BYTES_MAX];
    make(1, JPEG_BASELINE, 0, 0);
    const size_t count = read_bytes(bytes, FILE_BYTES_MAX);
    size_t at = 0;
    while (bytes[at] != 0xff || bytes[at + 1] != 0xc0) {
        at++;
    }
    bytes[at + 5] = (uint8_t)(rows >> 8);
    bytes[at + 6] = (uint8_t)rows;
    bytes[at + 7] = (uint8_t)(cols >> 8);
    bytes[at + 8] = (uint8_t)cols;
    write_bytes(bytes, count);
}

static void hostile_headers_are_refused(void **state)
{
    (void)state;
    claim(65000, 65000);
    expect_error(SN_EDATA, "its header claims more pixels than the file can contain");
    claim(0, COLS);
    expect_error(SN_EDATA, "malformed JPEG file");
    claim(2 * ROWS, COLS);
    expect_error(SN_EDATA, "malformed JPEG file");
    make(4, JPEG_BASELINE, 0, 0);
    expect_error(SN_EDATA, "CMYK");
    make(1, JPEG_SCAN_PER_COEFFICIENT, 0, 0);
    expect_error(SN_EDATA, "too many scans");
}

static void a_build_without_the_library_names_it(void **state)
{
    (void)state;
    write_bytes("\xff\xd8\xff\xe0", 4);
    expect_error(SN_ENOINPUT, "libjpeg-turbo");
}

int main(void)
{
    const struct CMUnitTest with_library[] = {
        cmocka_unit_test(colours_and_scans_give_the_same_grey),
        cmocka_unit_test(exif_orientation_turns_the_picture),
        cmocka_unit_test(malformed_exif_records_are_ignored),
        cmocka_unit_test(a_file_that_is_cut_off_is_an_error),
        cmocka_unit_test(hostile_headers_are_refused),
    };
    const struct CMUnitTest without_library[] = {
        cmocka_unit_test(a_build_without_the_library_names_it),
    };
    return MAKE_JPEG_WORKS
               ? cmocka_run_group_tests(with_library, set_up, remove_folder)
               : cmocka_run_group_tests(without_library, set_up, remove_folder);
}
