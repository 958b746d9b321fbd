/* SPDX-License-Identifier: BSD-3-Clause */
/** Pictures of arrays of numbers inside a page, from one sheet (internal to cli). */
#ifndef SHARDNET_CLI_REPORT_TILES_H
#define SHARDNET_CLI_REPORT_TILES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/report/sheet.h"

typedef enum sn_tiles_kind {
    SN_TILES_GREY,  /* values from 0, black, to 1, white */
    SN_TILES_SIGNED /* values from -1, blue, to 1, orange; 0 is transparent */
} sn_tiles_kind;

typedef struct sn_tiles {
    sn_tiles_kind kind;
    size_t rows, cols; /* size of a picture that the caller draws */
    size_t shrink;     /* a pixel is the mean of shrink x shrink values */
    uint8_t *picture;  /* one picture; owned */
    sn_sheet sheet;    /* owned */
    char *png;         /* the encoded sheet as base64; owned */
} sn_tiles;

/** Sets tiles to count >= 1 empty pictures of rows x cols values.  Large pictures are
 *  shrunk.  The caller calls sn_tiles_clear, also on failure.  Errors: SN_ENOMEM. */
sn_status sn_tiles_init(sn_tiles *tiles, sn_tiles_kind kind, size_t count, size_t rows,
                        size_t cols, sn_error *err) SN_MUST_CHECK;

/** Draws picture i of values (rows, cols) / scale. */
void sn_tiles_draw(sn_tiles *tiles, size_t i, const float *values, float scale);

/** Encodes the drawn sheet as PNG.  Errors: SN_ENOMEM. */
sn_status sn_tiles_encode(sn_tiles *tiles, sn_error *err) SN_MUST_CHECK;

/** Frees the memory of tiles and sets it to zero.  Accepts zeros. */
void sn_tiles_clear(sn_tiles *tiles);

/** Writes the CSS rule of the class name, whose elements show the pictures, of
 *  side CSS pixels on their longer side.  Writes nothing if tiles is not encoded. */
void sn_tiles_write_rule(FILE *out, const sn_tiles *tiles, const char *name, int side);

/** Writes an element of the class name that shows picture i; label is plain text. */
void sn_tiles_write(FILE *out, const sn_tiles *tiles, const char *name, size_t i,
                    const char *label);

#endif
