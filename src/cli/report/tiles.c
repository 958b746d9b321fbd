/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/report/tiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    ACROSS = 8,
    MAX_SIDE_GREY = 128, /* these limits keep a page below 2 MB */
    MAX_SIDE_SIGNED = 64,
    MAX_SIDE_SINGLE = 256
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

sn_status sn_tiles_init(sn_tiles *tiles, sn_tiles_kind kind, size_t count, size_t rows,
                        size_t cols, sn_error *err)
{
    const size_t limit = kind == SN_TILES_GREY ? MAX_SIDE_GREY
                         : count == 1          ? MAX_SIDE_SINGLE
                                               : MAX_SIDE_SIGNED;
    const size_t shrink = (larger(rows, cols) + limit - 1) / limit;
    const size_t across = count < ACROSS ? count : ACROSS;
    const sn_sheet_layout layout = {.rows = (rows + shrink - 1) / shrink,
                                    .cols = (cols + shrink - 1) / shrink,
                                    .depth = kind == SN_TILES_GREY ? SN_SHEET_GREY
                                                                   : SN_SHEET_RGBA,
                                    .across = across,
                                    .down = (count + across - 1) / across,
                                    .scale = 1};
    *tiles = (sn_tiles){.kind = kind, .rows = rows, .cols = cols, .shrink = shrink};
    tiles->picture = sn_alloc(layout.rows * layout.cols, layout.depth);
    return tiles->picture != NULL ? sn_sheet_init(&tiles->sheet, &layout, err)
                                  : sn_fail(err, SN_ENOMEM, "pictures: out of memory");
}

/* Returns the mean of the values of one pixel. */
static float mean(const sn_tiles *tiles, const float *values, size_t row, size_t col)
{
    const size_t step = tiles->shrink;
    float sum = 0;
    size_t count = 0;
    for (size_t r = row * step; r < (row + 1) * step && r < tiles->rows; r++) {
        for (size_t c = col * step; c < (col + 1) * step && c < tiles->cols; c++) {
            sum += values[r * tiles->cols + c];
            count++;
        }
    }
    return sum / (float)count;
}

static void paint(const sn_tiles *tiles, uint8_t *pixel, float value)
{
    static const uint8_t colours[2][SN_SHEET_RGBA] = {{59, 125, 216, 0},
                                                      {226, 92, 40, 0}};
    float strength = fminf(fabsf(value), 1);
    if (tiles->kind == SN_TILES_SIGNED) {
        strength = powf(strength, 0.7F); /* small values stay visible */
        memcpy(pixel, colours[value > 0], SN_SHEET_RGBA);
    }
    pixel[tiles->sheet.layout.depth - 1] = (uint8_t)(255 * strength + 0.5F);
}

void sn_tiles_draw(sn_tiles *tiles, size_t i, const float *values, float scale)
{
    const sn_sheet_layout *layout = &tiles->sheet.layout;
    for (size_t r = 0; r < layout->rows; r++) {
        for (size_t c = 0; c < layout->cols; c++) {
            paint(tiles, tiles->picture + (r * layout->cols + c) * layout->depth,
                  mean(tiles, values, r, c) / scale);
        }
    }
    sn_sheet_draw(&tiles->sheet, i, tiles->picture);
}

sn_status sn_tiles_encode(sn_tiles *tiles, sn_error *err)
{
    return sn_sheet_encode(&tiles->sheet, &tiles->png, err);
}

void sn_tiles_clear(sn_tiles *tiles)
{
    sn_sheet_clear(&tiles->sheet);
    free(tiles->picture);
    free(tiles->png);
    *tiles = (sn_tiles){.png = NULL};
}

void sn_tiles_write_rule(FILE *out, const sn_tiles *tiles, const char *name, int side)
{
    const sn_sheet_layout *layout = &tiles->sheet.layout;
    const size_t longer = larger(layout->rows, layout->cols);
    if (tiles->png == NULL) {
        return;
    }
    fprintf(out,
            ".%s{display:block;width:%.0fpx;height:%.0fpx;background:"
            "url(data:image/png;base64,%s) 0 0/%zu%% %zu%%;image-rendering:pixelated;"
            "print-color-adjust:exact;-webkit-print-color-adjust:exact}",
            name, fmax(1, (double)side * (double)layout->cols / (double)longer),
            fmax(1, (double)side * (double)layout->rows / (double)longer), tiles->png,
            100 * layout->across, 100 * layout->down);
}

/* Returns the position of picture i of count as CSS wants it: 0 to 100 %. */
static double position(size_t i, size_t count)
{
    return count > 1 ? 100 * (double)i / (double)(count - 1) : 0;
}

void sn_tiles_write(FILE *out, const sn_tiles *tiles, const char *name, size_t i,
                    const char *label)
{
    const sn_sheet_layout *layout = &tiles->sheet.layout;
    fprintf(out,
            "<span class=\"%s\" role=\"img\" aria-label=\"%s\" "
            "style=\"background-position:%.6g%% %.6g%%\"></span>",
            name, label, position(i % layout->across, layout->across),
            position(i / layout->across, layout->down));
}
