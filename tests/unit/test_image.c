/* SPDX-License-Identifier: BSD-3-Clause */
/* Pictures: PNG of every colour type, PGM, IDX, and the errors of malformed files. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "data/formats/idx.h"
#include "data/image/image.h"
#include "make_png.h"
#include "scratch.h"

/* Expects an error whose message is one line with the path and why, and no images. */
static void expect_error(sn_status wanted, const char *why)
{
    sn_images images;
    sn_error err = {""};
    const sn_status status = sn_image_read(path, &images, &err);
    if (status != wanted || strstr(err.message, why) == NULL) {
        fail_msg("status %d, '%s' instead of %d, '%s'", status, err.message, wanted,
                 why);
    }
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "; "));
    assert_null(strchr(err.message, '\n'));
    assert_null(images.pixels);
}

/* Expects one picture whose pixels differ from grey by at most slack levels. */
static void expect_picture(sn_image_kind kind, size_t rows, size_t cols,
                           const double *grey, double slack)
{
    sn_images images;
    sn_error err = {""};
    if (sn_image_read(path, &images, &err) != SN_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(images.kind, kind);
    assert_int_equal(images.count, 1);
    assert_int_equal(images.rows, rows);
    assert_int_equal(images.cols, cols);
    for (size_t i = 0; i < rows * cols; i++) {
        if (!(fabs(images.pixels[i] - grey[i]) <= slack)) {
            fail_msg("pixel %zu is %d instead of %g", i, images.pixels[i], grey[i]);
        }
    }
    sn_image_clear(&images);
    assert_null(images.pixels);
}

static void scramble(uint8_t *bytes, size_t count)
{
    static uint32_t word = 12345;
    for (size_t i = 0; i < count; i++) {
        word = word * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(word >> 24);
    }
}

enum { SIDE_MAX = 19, ROW_BYTES_MAX = 8 * SIDE_MAX };

static png_color palette[256];
static png_byte alpha[256];

/* Returns sample i of a packed row. */
static unsigned sample(const uint8_t *row, int depth, size_t i)
{
    if (depth == 16) {
        return (unsigned)row[2 * i] << 8 | row[2 * i + 1];
    }
    const size_t bit = i * (size_t)depth;
    return (unsigned)row[bit / 8] >> (8 - depth - (int)(bit % 8)) & ((1U << depth) - 1);
}

static double luma(double red, double green, double blue)
{
    return 0.299 * red + 0.587 * green + 0.114 * blue;
}

/* Returns the grey of a pixel on a background, in double. */
static double expected_grey(const png_spec *spec, const uint8_t *row, size_t col,
                            double background)
{
    const int channels = make_png_channels(spec->colour);
    const double maximum = (1U << spec->depth) - 1;
    double value[4] = {0};
    unsigned raw[4] = {0};
    for (int c = 0; c < channels; c++) {
        raw[c] = sample(row, spec->depth, col * (size_t)channels + (size_t)c);
        value[c] = 255 * raw[c] / maximum;
    }
    if (spec->colour == PNG_COLOR_TYPE_PALETTE) {
        const png_color *colour = &spec->palette[raw[0]];
        const double grey = luma(colour->red, colour->green, colour->blue);
        const double opacity = spec->alpha == NULL ? 1 : spec->alpha[raw[0]] / 255.0;
        return grey * opacity + background * (1 - opacity);
    }
    if (spec->transparent != NULL) {
        const png_color_16 *hidden = spec->transparent;
        const int same = channels == 1
                             ? raw[0] == hidden->gray
                             : raw[0] == hidden->red && raw[1] == hidden->green &&
                                   raw[2] == hidden->blue;
        if (same) {
            return background;
        }
    }
    const double grey = channels < 3 ? value[0] : luma(value[0], value[1], value[2]);
    const double opacity = channels % 2 == 1 ? 1 : value[channels - 1] / 255;
    return grey * opacity + background * (1 - opacity);
}

/* Writes random samples of this type and reads them back. */
static void check_png(png_spec *spec)
{
    uint8_t rows[SIDE_MAX * ROW_BYTES_MAX];
    double grey[SIDE_MAX * SIDE_MAX];
    const size_t row_bytes = make_png_row_bytes(spec);
    scramble(rows, spec->height * row_bytes);
    spec->rows = rows;
    make_png(path, spec);
    /* white, unless no pixel is dark then */
    double darkest = 255;
    for (double background = 255; background >= 0 && darkest >= 128;
         background -= 255) {
        for (size_t i = 0; i < spec->height * spec->width; i++) {
            const uint8_t *row = rows + i / spec->width * row_bytes;
            grey[i] = expected_grey(spec, row, i % spec->width, background);
            darkest = fmin(darkest, grey[i]);
        }
    }
    /* three values are rounded: 16 to 8 bits, the luma, and the opacity */
    expect_picture(SN_IMAGE_PNG, spec->height, spec->width, grey, 1.5);
}

/* The sizes include all in which some passes of an interlaced picture are empty. */
static void check_png_sizes(png_spec spec)
{
    static const unsigned sides[] = {1, 2, 3, 5, 8, SIDE_MAX};
    enum { SIDES = sizeof sides / sizeof sides[0] };
    for (spec.interlaced = 0; spec.interlaced < 2; spec.interlaced++) {
        for (size_t i = 0; i < SIDES * SIDES; i++) {
            spec.width = sides[i % SIDES];
            spec.height = sides[i / SIDES];
            check_png(&spec);
        }
    }
}

static void every_kind_of_png_has_the_expected_grey(void **state)
{
    (void)state;
    static const struct {
        int colour, depth;
    } kinds[] = {{PNG_COLOR_TYPE_GRAY, 1},        {PNG_COLOR_TYPE_GRAY, 2},
                 {PNG_COLOR_TYPE_GRAY, 4},        {PNG_COLOR_TYPE_GRAY, 8},
                 {PNG_COLOR_TYPE_GRAY, 16},       {PNG_COLOR_TYPE_RGB, 8},
                 {PNG_COLOR_TYPE_RGB, 16},        {PNG_COLOR_TYPE_GRAY_ALPHA, 8},
                 {PNG_COLOR_TYPE_GRAY_ALPHA, 16}, {PNG_COLOR_TYPE_RGB_ALPHA, 8},
                 {PNG_COLOR_TYPE_RGB_ALPHA, 16}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        check_png_sizes((png_spec){.colour = kinds[i].colour, .depth = kinds[i].depth});
    }
    scramble((uint8_t *)palette, sizeof palette);
    scramble(alpha, sizeof alpha);
    for (int depth = 1; depth <= 8; depth *= 2) {
        png_spec spec = {.colour = PNG_COLOR_TYPE_PALETTE,
                         .depth = depth,
                         .palette = palette,
                         .entries = 1 << depth};
        check_png_sizes(spec);
        spec.alpha = alpha;
        check_png_sizes(spec);
    }
}

static void a_transparent_colour_is_white(void **state)
{
    (void)state;
    static const png_color_16 grey = {.gray = 1};
    for (int depth = 1; depth <= 4; depth *= 2) {
        check_png_sizes((png_spec){
            .colour = PNG_COLOR_TYPE_GRAY, .depth = depth, .transparent = &grey});
    }
    const uint8_t row[] = {9, 8, 7, 9, 8, 6};
    const png_color_16 colour = {.red = 9, .green = 8, .blue = 7};
    const png_spec spec = {.colour = PNG_COLOR_TYPE_RGB,
                           .depth = 8,
                           .width = 2,
                           .height = 1,
                           .rows = row,
                           .transparent = &colour};
    make_png(path, &spec);
    const double wanted[] = {255, luma(9, 8, 6)};
    expect_picture(SN_IMAGE_PNG, 1, 2, wanted, 0.5);
}

static const png_spec small_png = {.colour = PNG_COLOR_TYPE_RGB,
                                   .depth = 8,
                                   .width = 3,
                                   .height = 2,
                                   .rows = (const uint8_t *)"ABCDEFGHIJKLMNOPQR"};

static void every_truncated_or_changed_png_is_rejected(void **state)
{
    (void)state;
    uint8_t bytes[512];
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        png_spec spec = small_png;
        spec.interlaced = interlaced;
        make_png(path, &spec);
        const size_t count = read_bytes(bytes, sizeof bytes);
        for (size_t length = 0; length < count; length++) {
            write_bytes(bytes, length);
            expect_error(SN_EDATA, "");
        }
        for (size_t i = 0; i < count; i++) {
            bytes[i] ^= 0x10;
            write_bytes(bytes, count);
            expect_error(SN_EDATA, "");
            bytes[i] ^= 0x10;
        }
    }
}

static void put_number(uint8_t *bytes, uint32_t number)
{
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(number >> (24 - 8 * i));
    }
}

/* Writes the small PNG with another size, and its checksum, in the header. */
static void write_png_claim(uint32_t width, uint32_t height)
{
    enum { IHDR = 12, IHDR_BYTES = 17 }; /* including the name of the chunk */
    uint8_t bytes[512];
    make_png(path, &small_png);
    const size_t count = read_bytes(bytes, sizeof bytes);
    put_number(bytes + IHDR + 4, width);
    put_number(bytes + IHDR + 8, height);
    put_number(bytes + IHDR + IHDR_BYTES,
               (uint32_t)crc32(crc32(0, NULL, 0), bytes + IHDR, IHDR_BYTES));
    write_bytes(bytes, count);
}

static void a_png_that_claims_too_much_is_rejected(void **state)
{
    (void)state;
    write_png_claim(3, 2);
    const double wanted[] = {luma('A', 'B', 'C'), luma('D', 'E', 'F'),
                             luma('G', 'H', 'I'), luma('J', 'K', 'L'),
                             luma('M', 'N', 'O'), luma('P', 'Q', 'R')};
    expect_picture(SN_IMAGE_PNG, 2, 3, wanted, 0.5);
    write_png_claim(3, 3);
    expect_error(SN_EDATA, "malformed PNG");
    write_png_claim(8000, 8000);
    expect_error(SN_EDATA, "claims more pixels");
    write_png_claim(0x7fffffff, 0x7fffffff);
    expect_error(SN_EDATA, "malformed PNG");
    write_png_claim(0, 2);
    expect_error(SN_EDATA, "malformed PNG");
    /* a complete picture with too many columns */
    static const uint8_t row[SN_IMAGE_SIDE_MAX / 8 + 1];
    make_png(path, &(png_spec){.depth = 1,
                               .colour = PNG_COLOR_TYPE_GRAY,
                               .width = SN_IMAGE_SIDE_MAX + 1,
                               .height = 1,
                               .rows = row});
    expect_error(SN_EDATA, "65536");
}

static void write_text(const char *text)
{
    write_bytes(text, strlen(text));
}

static void pgm_comments_and_white_space_are_skipped(void **state)
{
    (void)state;
    const double three[] = {0, 127.5, 255};
    static const char *const plain[] = {
        "P2 3 1 2 0 1 2", "P2\n3 1\n2\n0 1 2\n",
        "P2 # a comment\n#another 9 9 9\n3#\n1\t2\r\n0 # zero\n1\v1#..\n# no\n",
        "P2\n00000000003 1 2\n000 001 02 #end"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        const double odd[] = {0, 127.5, 127.5};
        write_text(plain[i]);
        expect_picture(SN_IMAGE_PGM, 1, 3, i == 2 ? odd : three, 0.5);
    }
    write_bytes("P5\n1 3\n2\n\0\1\2", 12);
    expect_picture(SN_IMAGE_PGM, 3, 1, three, 0.5);
    write_bytes("P5 #x\n3 1 2#\n\0\1\2", 16);
    expect_picture(SN_IMAGE_PGM, 1, 3, three, 0.5);
    /* pixels with the values of white space and of the start of a comment */
    const double looks[] = {'#', '\n', ' '};
    write_text("P5 3 1 255 #\n ");
    expect_picture(SN_IMAGE_PGM, 1, 3, looks, 0);
    write_text("P5 3 1 255 #\n \n\r\n \t");
    expect_picture(SN_IMAGE_PGM, 1, 3, looks, 0);
}

static void pgm_values_are_scaled_by_their_maximum(void **state)
{
    (void)state;
    static const int maxima[] = {1, 2, 100, 254, 255, 256, 1000, 65535};
    for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
        const int values[] = {0, maxima[i] / 3, maxima[i]};
        double wanted[3];
        uint8_t bytes[32];
        char text[64];
        size_t count =
            (size_t)snprintf((char *)bytes, sizeof bytes, "P5 3 1 %d\n", maxima[i]);
        for (int k = 0; k < 3; k++) {
            wanted[k] = 255.0 * values[k] / maxima[i];
            if (maxima[i] > 255) {
                bytes[count++] = (uint8_t)(values[k] >> 8);
            }
            bytes[count++] = (uint8_t)values[k];
        }
        write_bytes(bytes, count);
        expect_picture(SN_IMAGE_PGM, 1, 3, wanted, 0.5);
        snprintf(text, sizeof text, "P2 3 1 %d %d %d %d", maxima[i], values[0],
                 values[1], values[2]);
        write_text(text);
        expect_picture(SN_IMAGE_PGM, 1, 3, wanted, 0.5);
    }
}

static void a_malformed_pgm_is_rejected(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"P2", "header"},
        {"P2 ", "header"},
        {"P23 1 2 0 1 2", "header"},
        {"P2 3 1", "header"},
        {"P2 -3 1 2 0 1 2", "header"},
        {"P2 3.0 1 2 0 1 2", "header"},
        {"P2 3 x 2 0 1 2", "header"},
        {"P2 # 3 1 2 0 1 2", "header"},
        {"P2 3 1 0 0 0 0", "maximum is not"},
        {"P2 3 1 65536 0 0 0", "maximum is not"},
        {"P2 3 1 2 0 1", "cut off"},
        {"P2 3 1 2 0 1 3", "exceeds its maximum"},
        {"P2 3 1 2 0 1 -1", "is not a number"},
        {"P2 3 1 2 0 1 2 1", "bytes follow"},
        {"P2 3 1 2 0 1 2x", "is not a number"},
        {"P2 0 1 2", "size out of range"},
        {"P2 1 0 2", "size out of range"},
        {"P2 9999 9999 2 0", "claims more"},
        {"P5 65535 65535 255\n", "claims more"},
        {"P5 99999999999999999999 99999999999999999999 255\n", "claims more"},
        {"P5 3 1 255\nab", "cut off"},
        {"P5 3 1 65535\nabcde", "cut off"},
        {"P5 3 1 255\nabcd", "bytes follow"},
        {"P5 3 1 255\nabc\nd", "bytes follow"},
        {"P5 3 1 255\nabc #", "bytes follow"},
        {"P5 3 1 97\nabc", "exceeds its maximum"},
        {"P5 3 1 255", "cut off"},
        {"P1 3 1 0 1 0", "not a PGM file"},
        {"P6 1 1 255\nabc", "not a PGM file"},
        {"P7 x", "not a PGM file"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_text(texts[i][0]);
        expect_error(SN_EDATA, texts[i][1]);
    }
}

static void a_picture_with_too_many_pixels_is_rejected(void **state)
{
    (void)state;
    const size_t cols = SN_IMAGE_SIDE_MAX, rows = SN_IMAGE_PIXELS_MAX / cols;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fprintf(file, "P5 %zu %zu 255\n", cols, rows + 1);
    assert_int_equal(ftruncate(fileno(file), (off_t)(cols * (rows + 1) + 64)), 0);
    fclose(file);
    expect_error(SN_EDATA, "size out of range");
}

static void idx_images_are_read_unchanged(void **state)
{
    (void)state;
    const size_t size[3] = {2, 3, 4};
    uint8_t elements[2 * 3 * 4];
    sn_error err = {""};
    sn_images images;
    scramble(elements, sizeof elements);
    assert_int_equal(sn_idx_write(path, 3, size, elements, &err), SN_OK);
    for (int packed = 0; packed < 2; packed++) {
        assert_int_equal(sn_image_read(path, &images, &err), SN_OK);
        assert_int_equal(images.kind, SN_IMAGE_IDX);
        assert_int_equal(images.count, 2);
        assert_int_equal(images.rows, 3);
        assert_int_equal(images.cols, 4);
        assert_memory_equal(images.pixels, elements, sizeof elements);
        sn_image_clear(&images);
        uint8_t bytes[64];
        const size_t count = read_bytes(bytes, sizeof bytes);
        gzFile file = gzopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(gzwrite(file, bytes, (unsigned)count), count);
        assert_int_equal(gzclose(file), Z_OK);
    }
    write_bytes("\0\0\10\1\0\0\0\1x", 9);
    expect_error(SN_EDATA, "3");
}

static void other_formats_and_special_files_are_rejected(void **state)
{
    (void)state;
    write_bytes("", 0);
    expect_error(SN_EDATA, "empty");
    write_bytes("P", 1);
    expect_error(SN_EDATA, "cut off");
    write_bytes("GIF89a", 6);
    expect_error(SN_EDATA, "47 49");
    write_bytes("\x89PNG but not really", 19);
    expect_error(SN_EDATA, "89 50");
    unlink(path);
    expect_error(SN_ENOINPUT, "No such file");
    assert_int_equal(mkdir(path, 0777), 0);
    expect_error(SN_ENOINPUT, "folder");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0666), 0);
    expect_error(SN_ENOINPUT, "not a file");
    unlink(path);
    write_bytes("P2", 2);
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    obey_permissions(true);
    expect_error(SN_ENOINPUT, "ermission");
    obey_permissions(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_png_has_the_expected_grey),
        cmocka_unit_test(a_transparent_colour_is_white),
        cmocka_unit_test(every_truncated_or_changed_png_is_rejected),
        cmocka_unit_test(a_png_that_claims_too_much_is_rejected),
        cmocka_unit_test(pgm_comments_and_white_space_are_skipped),
        cmocka_unit_test(pgm_values_are_scaled_by_their_maximum),
        cmocka_unit_test(a_malformed_pgm_is_rejected),
        cmocka_unit_test(a_picture_with_too_many_pixels_is_rejected),
        cmocka_unit_test(idx_images_are_read_unchanged),
        cmocka_unit_test(other_formats_and_special_files_are_rejected),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
