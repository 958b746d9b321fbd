/* SPDX-License-Identifier: BSD-3-Clause */
#include "make_jpeg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SHARDNET_JPEG

#include <jpeglib.h>

enum { RECORD_BYTES = 38, COEFFICIENTS = 64, SCANS = 2 * COEFFICIENTS - 1 };

/* Writes an Exif record whose only entry is the orientation. */
static void write_record(j_compress_ptr jpeg, const jpeg_spec *spec)
{
    static const uint8_t little[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1,
                                     0,   18,  1,  3, 0, 1, 0, 0, 0};
    static const uint8_t big[] = {'M', 'M', 0,  42, 0, 0, 0, 8, 0,
                                  1,   1,   18, 0,  3, 0, 0, 0, 1};
    uint8_t record[RECORD_BYTES] = "Exif";
    memcpy(record + 6, spec->little ? little : big, sizeof little);
    record[6 + sizeof little + (spec->little ? 0 : 1)] = (uint8_t)spec->orientation;
    jpeg_write_marker(jpeg, JPEG_APP0 + 1, record, sizeof record);
}

/* One scan for each coefficient, and one for its last bit. */
static void set_scans(jpeg_scan_info scans[SCANS])
{
    scans[0] = (jpeg_scan_info){.comps_in_scan = 1};
    for (int i = 1; i < COEFFICIENTS; i++) {
        scans[2 * i - 1] =
            (jpeg_scan_info){.comps_in_scan = 1, .Ss = i, .Se = i, .Ah = 0, .Al = 1};
        scans[2 * i] =
            (jpeg_scan_info){.comps_in_scan = 1, .Ss = i, .Se = i, .Ah = 1, .Al = 0};
    }
}

/* libjpeg's own handler prints an error and ends the process. */
void make_jpeg(const char *path, const jpeg_spec *spec)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr manager;
    jpeg_scan_info scans[SCANS];
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        fprintf(stderr, "cannot write %s\n", path);
        abort();
    }
    jpeg.err = jpeg_std_error(&manager);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = spec->width;
    jpeg.image_height = spec->height;
    jpeg.input_components = spec->channels;
    jpeg.in_color_space = spec->channels == 1   ? JCS_GRAYSCALE
                          : spec->channels == 3 ? JCS_RGB
                                                : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
    if (spec->scans == JPEG_PROGRESSIVE) {
        jpeg_simple_progression(&jpeg);
    } else if (spec->scans == JPEG_SCAN_PER_COEFFICIENT) {
        set_scans(scans);
        jpeg.scan_info = scans;
        jpeg.num_scans = SCANS;
    }
    jpeg_start_compress(&jpeg, TRUE);
    if (spec->orientation > 0) {
        write_record(&jpeg, spec);
    }
    const size_t row_bytes = (size_t)spec->width * (size_t)spec->channels;
    uint8_t *row = malloc(row_bytes);
    for (size_t i = 0; row != NULL && i < spec->height; i++) {
        memcpy(row, spec->values + i * row_bytes, row_bytes);
        (void)jpeg_write_scanlines(&jpeg, &row, 1);
    }
    free(row);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    if (fclose(file) != 0) {
        fprintf(stderr, "cannot write %s\n", path);
        abort();
    }
}

#else

void make_jpeg(const char *path, const jpeg_spec *spec)
{
    (void)spec;
    fprintf(stderr, "cannot write %s without libjpeg-turbo\n", path);
    abort();
}

#endif
