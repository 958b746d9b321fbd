/* SPDX-License-Identifier: BSD-3-Clause */
/** A sheet of many pictures of one size, as a PNG file or as base64 inside a page.  Not
 *  collective. */
#ifndef SHARDNET_CLI_REPORT_SHEET_H
#define SHARDNET_CLI_REPORT_SHEET_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

enum { SN_SHEET_GREY = 1, SN_SHEET_RGBA = 4 }; /* bytes per pixel */

typedef struct sn_sheet_layout {
    size_t rows, cols;   /* size of a picture */
    size_t depth;        /* SN_SHEET_GREY or SN_SHEET_RGBA */
    size_t across, down; /* number of pictures per row, number of rows */
    size_t scale;        /* a pixel of a picture is scale x scale in the sheet */
    size_t gap;          /* distance between pictures, and margin, in pixels */
    size_t middle;       /* additional distance between left and right half */
    uint8_t background;
} sn_sheet_layout;

typedef struct sn_sheet {
    sn_sheet_layout layout;
    size_t height, width; /* pixels of the sheet */
    uint8_t *pixels;      /* (height, width, depth); owned */
} sn_sheet;

/** Returns the layout of a contact sheet: grey pictures, up to three times as large.
 *  rows, cols, across and down are at least 1. */
sn_sheet_layout sn_sheet_contact(size_t rows, size_t cols, size_t across, size_t down);

/** Makes a sheet without pictures; the caller calls sn_sheet_clear, also on failure.
 *  Errors: SN_ERANGE if it is too large for PNG or exceeds 1 GiB; SN_ENOMEM. */
sn_status sn_sheet_init(sn_sheet *sheet, const sn_sheet_layout *layout,
                        sn_error *err) SN_MUST_CHECK;

/** Frees the memory and sets sheet to zero.  Accepts zeros. */
void sn_sheet_clear(sn_sheet *sheet);

/** Draws picture (rows, cols, depth) at place i, counted along the rows. */
void sn_sheet_draw(sn_sheet *sheet, size_t i, const uint8_t *picture);

/** Writes the sheet to path.tmp and publishes it as path.
 *  Errors: SN_ECREATE, SN_EIO, SN_ENOMEM; SN_ERANGE if the path is too long. */
sn_status sn_sheet_write(const sn_sheet *sheet, const char *path,
                         sn_error *err) SN_MUST_CHECK;

/** *text := the sheet as PNG in base64; the caller frees it.  Errors: SN_ENOMEM. */
sn_status sn_sheet_encode(const sn_sheet *sheet, char **text,
                          sn_error *err) SN_MUST_CHECK;

#endif
