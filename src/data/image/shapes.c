/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/image/shapes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    INK = 32,
    SIMILAR = 4, /* the smaller shape has at least 1/SIMILAR of the mass */
    APART = 2,   /* pixels at most this far apart are near each other */
    DEPTH = 2,   /* a frame is at most this far from the bounding box */
    SIDE_MIN = 8 /* a smaller box is a stroke, not a frame */
};

typedef struct view {
    const uint8_t *image;
    size_t rows, cols;
    bool *seen;    /* (rows, cols) */
    size_t *stack; /* (rows, cols) */
} view;

/* Pixels that are connected, and the range of their columns. */
typedef struct group {
    uint64_t mass;
    size_t left, right;
} group;

/* Puts the unseen pixels of ink within radius of a pixel on the stack, which has depth
 * entries; returns the new depth. */
static size_t push_near(const view *v, size_t pixel, size_t radius, size_t depth)
{
    const size_t row = pixel / v->cols, col = pixel % v->cols;
    for (size_t i = row > radius ? row - radius : 0; i <= row + radius && i < v->rows;
         i++) {
        for (size_t j = col > radius ? col - radius : 0;
             j <= col + radius && j < v->cols; j++) {
            const size_t next = i * v->cols + j;
            if (v->image[next] >= INK && !v->seen[next]) {
                v->seen[next] = true;
                v->stack[depth++] = next;
            }
        }
    }
    return depth;
}

/* Returns the group that contains the pixels on the stack. */
static group take_group(const view *v, size_t radius, size_t depth)
{
    group found = {.left = v->cols};
    while (depth > 0) {
        const size_t pixel = v->stack[--depth], col = pixel % v->cols;
        found.mass += v->image[pixel];
        found.left = col < found.left ? col : found.left;
        found.right = col > found.right ? col : found.right;
        depth = push_near(v, pixel, radius, depth);
    }
    return found;
}

/* Returns true if the two largest groups of pixels within radius of each other have
 * similar mass and, if beside is true, share no column. */
static bool has_two(const view *v, size_t radius, bool beside)
{
    group first = {0}, second = {0};
    memset(v->seen, 0, v->rows * v->cols * sizeof *v->seen);
    for (size_t i = 0; i < v->rows * v->cols; i++) {
        const size_t depth = push_near(v, i, 0, 0);
        const group found = take_group(v, radius, depth);
        if (found.mass > first.mass) {
            second = first;
            first = found;
        } else if (found.mass > second.mass) {
            second = found;
        }
    }
    return second.mass > 0 && SIMILAR * second.mass >= first.mass &&
           (!beside || first.right < second.left || second.right < first.left);
}

/* Returns true if at least nine tenths of the lines (length) have ink in their first
 * DEPTH pixels.  first is the first pixel of the first line.  along is the distance in
 * memory from one line to the next, inward from one pixel of a line to the next. */
static bool is_full(const uint8_t *first, size_t length, ptrdiff_t along,
                    ptrdiff_t inward)
{
    size_t full = 0;
    for (size_t i = 0; i < length; i++) {
        bool ink = false;
        for (ptrdiff_t k = 0; k < DEPTH; k++) {
            ink = ink || first[(ptrdiff_t)i * along + k * inward] >= INK;
        }
        full += ink;
    }
    return 10 * full >= 9 * length;
}

static bool has_frame(const view *v)
{
    size_t top = v->rows, bottom = 0, left = v->cols, right = 0;
    for (size_t i = 0; i < v->rows * v->cols; i++) {
        if (v->image[i] >= INK) {
            const size_t row = i / v->cols, col = i % v->cols;
            top = row < top ? row : top;
            bottom = row;
            left = col < left ? col : left;
            right = col > right ? col : right;
        }
    }
    if (top + SIDE_MIN > bottom + 1 || left + SIDE_MIN > right + 1) {
        return false;
    }
    const size_t rows = bottom - top + 1, cols = right - left + 1;
    const ptrdiff_t stride = (ptrdiff_t)v->cols;
    const uint8_t *start = v->image + top * v->cols + left;
    const uint8_t *end = v->image + bottom * v->cols + right;
    return is_full(start, cols, 1, stride) && is_full(start, rows, stride, 1) &&
           is_full(end, cols, -1, -stride) && is_full(end, rows, -stride, -1);
}

sn_status sn_shapes_find(const uint8_t *image, size_t rows, size_t cols,
                         sn_shapes *shapes, sn_error *err)
{
    view v = {.image = image, .rows = rows, .cols = cols};
    v.seen = sn_alloc(rows * cols, sizeof *v.seen);
    v.stack = sn_alloc(rows * cols, sizeof *v.stack);
    const bool good = v.seen != NULL && v.stack != NULL;
    if (good && cols > 0) {
        shapes->two = has_two(&v, 1, true) || has_two(&v, APART, false);
        shapes->frame = has_frame(&v);
    }
    free(v.seen);
    free(v.stack);
    return good ? SN_OK : sn_fail(err, SN_ENOMEM, "not enough memory (image)");
}
