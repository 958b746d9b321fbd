/* SPDX-License-Identifier: BSD-3-Clause */
/* A digit is drawn in six steps:
 *
 *   glyph      choose a way to write the digit: knots on a grid of height 100
 *   bend       move the knots at random, distort the plane by a random quadratic map
 *   flatten    connect the knots by Catmull-Rom splines, cut into straight segments
 *   shear      apply slant, tilt and width
 *   place      scale into a 20 x 20 box and centre by mass, as the authors of MNIST did
 *   ink        compute grey from the distance of a pixel to the nearest segment
 *
 * All arithmetic uses integers, so that the bytes do not depend on the compiler, its
 * flags or the width of its vectors.  Lengths are in 1/64 of a grid unit before
 * `place`, and in 1/256 pixel after it. */
#include "data/synth.h"

#include <stdbool.h>
#include <string.h>

#include "base/numeric/parallel.h"
#include "base/numeric/rng.h"

enum {
    PIXELS = SN_SYNTH_ROWS * SN_SYNTH_COLS,
    GRID = 64,   /* lengths per grid unit */
    PIXEL = 256, /* lengths per pixel */
    UNIT = 4096, /* the value 1 of factors and directions */
    KNOTS_MAX = 15,
    SEGMENTS = 6, /* segments between two knots */
    POINTS_MAX = KNOTS_MAX * SEGMENTS,
    FAR = 1 << 30 /* larger than every squared distance */
};

typedef enum knot_kind { SMOOTH, CORNER, START } knot_kind;

typedef struct knot {
    signed char x, y;
    unsigned char kind;
} knot;

typedef struct glyph {
    unsigned char digit, weight, count;
    knot knots[KNOTS_MAX];
} glyph;

/* clang-format off */
#define S(x, y) {x, y, START}
#define C(x, y) {x, y, CORNER}
#define M(x, y) {x, y, SMOOTH}

/* Each glyph: its digit, its weight in a random choice, the number of its knots, and
 * the knots in the order of writing. */
static const glyph glyphs[] = {
    {0, 5, 9, {S(44, 2), M(18, 16), M(5, 50), M(15, 84), M(38, 99), M(62, 84),
               M(71, 50), M(60, 14), M(38, 1)}},
    {0, 3, 9, {S(58, 12), M(36, 1), M(14, 24), M(7, 58), M(20, 92), M(42, 98),
               M(60, 72), M(64, 34), M(48, 5)}},
    {0, 2, 9, {S(30, 8), M(8, 34), M(6, 70), M(26, 98), M(56, 88), M(72, 56), M(66, 18),
               M(42, 0), M(20, 12)}},
    {1, 7, 3, {S(36, 0), M(35, 50), M(34, 100)}},
    {1, 2, 3, {S(16, 24), C(38, 0), M(37, 100)}},
    {1, 1, 5, {S(18, 22), C(38, 0), M(38, 98), S(14, 99), M(62, 98)}},
    {2, 4, 9, {S(6, 24), M(16, 6), M(38, 0), M(60, 10), M(63, 32), M(48, 58), M(26, 80),
               C(5, 97), M(74, 95)}},
    {2, 4, 13, {S(8, 22), M(22, 4), M(46, 0), M(62, 16), M(58, 40), M(40, 66),
                M(20, 88), M(5, 94), M(4, 82), M(18, 77), M(38, 88), M(56, 97),
                M(76, 90)}},
    {2, 2, 9, {S(4, 18), M(24, 2), M(48, 4), M(58, 22), M(46, 50), M(24, 76), C(4, 96),
               M(26, 88), M(74, 98)}},
    {3, 5, 10, {S(8, 13), M(28, 1), M(52, 5), M(58, 25), M(44, 41), C(26, 47),
                M(52, 53), M(65, 72), M(46, 95), M(4, 91)}},
    {3, 3, 10, {S(12, 6), M(38, 0), M(58, 14), M(46, 36), C(22, 47), M(46, 48),
                M(64, 64), M(56, 88), M(30, 100), M(2, 88)}},
    {3, 1, 8, {S(8, 3), C(60, 2), C(30, 40), M(54, 48), M(66, 68), M(54, 91),
               M(28, 100), M(3, 90)}},
    {4, 4, 6, {S(14, 2), C(5, 55), M(34, 56), M(66, 50), S(58, 4), M(49, 100)}},
    {4, 3, 5, {S(48, 0), C(3, 64), M(74, 61), S(51, 2), M(48, 100)}},
    {4, 3, 8, {S(11, 4), M(5, 34), M(14, 53), M(36, 52), M(58, 38), S(62, 0), M(56, 48),
               M(48, 100)}},
    {5, 5, 9, {S(64, 3), C(20, 4), C(13, 44), M(36, 36), M(58, 46), M(66, 68),
               M(52, 92), M(26, 100), M(3, 88)}},
    {5, 3, 9, {S(20, 5), C(14, 43), M(38, 38), M(60, 54), M(60, 80), M(38, 98),
               M(5, 92), S(20, 5), M(70, 2)}},
    {5, 2, 9, {S(70, 2), M(44, 3), M(27, 12), M(22, 36), M(40, 48), M(58, 62),
               M(52, 88), M(26, 99), M(2, 88)}},
    {6, 4, 10, {S(50, 0), M(26, 18), M(10, 46), M(6, 74), M(20, 97), M(44, 97),
                M(58, 80), M(50, 60), M(30, 56), M(12, 70)}},
    {6, 3, 10, {S(40, 0), M(18, 34), M(6, 66), M(12, 91), M(34, 100), M(53, 88),
                M(56, 70), M(40, 59), M(20, 67), M(10, 82)}},
    {6, 3, 10, {S(60, 4), M(34, 8), M(14, 32), M(6, 64), M(18, 93), M(42, 99),
                M(60, 84), M(60, 62), M(40, 50), M(14, 62)}},
    {7, 5, 5, {S(4, 8), M(34, 5), C(66, 4), M(44, 46), M(28, 100)}},
    {7, 2, 5, {S(5, 20), C(9, 4), C(64, 4), M(44, 46), M(32, 100)}},
    {7, 2, 7, {S(4, 8), M(34, 5), C(66, 4), M(44, 46), M(28, 100), S(20, 53),
               M(62, 48)}},
    {7, 2, 6, {S(2, 14), M(20, 3), M(46, 8), C(68, 1), M(46, 50), M(42, 100)}},
    {8, 5, 13, {S(56, 15), M(38, 0), M(17, 11), M(19, 32), M(40, 50), M(59, 72),
                M(52, 94), M(30, 100), M(10, 86), M(18, 64), M(42, 44), M(58, 25),
                M(52, 8)}},
    {8, 3, 13, {S(38, 48), M(15, 33), M(17, 9), M(39, 0), M(58, 13), M(54, 35),
                M(35, 49), M(12, 64), M(8, 86), M(30, 100), M(54, 92), M(58, 68),
                M(36, 47)}},
    {8, 2, 11, {S(60, 6), M(36, 2), M(24, 20), M(38, 46), M(48, 72), M(38, 96),
                M(18, 98), M(12, 80), M(30, 56), M(54, 30), M(62, 8)}},
    {9, 4, 9, {S(58, 18), M(40, 2), M(16, 9), M(8, 32), M(22, 49), M(44, 43), C(59, 16),
               M(56, 56), M(52, 100)}},
    {9, 3, 10, {S(60, 16), M(38, 0), M(12, 14), M(10, 37), M(32, 48), M(54, 34),
                C(61, 12), M(60, 50), M(46, 86), M(18, 100)}},
    {9, 3, 9, {S(56, 9), M(30, 2), M(8, 20), M(12, 43), M(36, 47), M(54, 28), S(57, 5),
               M(52, 50), M(42, 100)}},
};
/* clang-format on */

enum { GLYPHS = sizeof glyphs / sizeof glyphs[0] };

typedef struct point {
    int x, y;
    knot_kind kind;
} point;

typedef struct path {
    point points[POINTS_MAX];
    int count;
} path;

/* Returns a number uniform on 0 .. bound - 1. */
static int below(sn_rng *rng, int bound)
{
    return (int)((uint64_t)sn_rng_next(rng) * (uint64_t)bound >> 32);
}

/* Returns a nearly Gaussian number with this standard deviation, at most 3.5 deviations
 * from 0: the sum of four uniform bytes has mean 510 and deviation 148. */
static int normal(sn_rng *rng, int deviation)
{
    uint32_t word = sn_rng_next(rng);
    uint32_t sum =
        (word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24 & 255);
    return ((int)sum - 510) * deviation / 148;
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

static int square_root(int value)
{
    int root = 0;
    for (int bit = 1 << 15; bit > 0; bit /= 2) {
        int next = root + bit;
        if ((int64_t)next * next <= value) {
            root = next;
        }
    }
    return root;
}

static const glyph *choose_glyph(sn_rng *rng, int digit)
{
    int total = 0;
    for (int i = 0; i < GLYPHS; i++) {
        total += glyphs[i].digit == digit ? glyphs[i].weight : 0;
    }
    int left = below(rng, total), chosen = 0;
    for (int i = 0; i < GLYPHS && left >= 0; i++) {
        if (glyphs[i].digit == digit) {
            left -= glyphs[i].weight;
            chosen = i;
        }
    }
    return &glyphs[chosen];
}

/* knots := the knots of the glyph, moved and distorted at random. */
static void bend(sn_rng *rng, const glyph *shape, point knots[KNOTS_MAX])
{
    enum { MIDDLE_X = 35 * GRID, MIDDLE_Y = 50 * GRID };
    int sloppiness = 80 + below(rng, 200);
    int warp[6];
    for (int i = 0; i < 6; i++) {
        warp[i] = normal(rng, 7 * GRID);
    }
    for (int i = 0; i < shape->count; i++) {
        int x = shape->knots[i].x * GRID - MIDDLE_X;
        int y = shape->knots[i].y * GRID - MIDDLE_Y;
        /* second-order terms; they are 1 at the edge of the grid */
        int xx = x * x / MIDDLE_X, yy = y * y / MIDDLE_Y, xy = x * y / MIDDLE_X;
        int dx = (warp[0] * xx + warp[1] * yy + warp[2] * xy) / MIDDLE_Y;
        int dy = (warp[3] * xx + warp[4] * yy + warp[5] * xy) / MIDDLE_Y;
        knots[i].x = x + dx + normal(rng, sloppiness);
        knots[i].y = y + dy + normal(rng, sloppiness);
        knots[i].kind = (knot_kind)shape->knots[i].kind;
    }
}

/* Returns twice the slope at knot i of the span that begins there (side = 0) or ends
 * there (side = 1). */
static point slope(const point *knots, int count, int i, int side)
{
    const bool ends = i + 1 == count || knots[i + 1].kind == START;
    const bool corner = knots[i].kind != SMOOTH || ends;
    const point *from = &knots[corner && side == 0 ? i : i - 1];
    const point *to = &knots[corner && side == 1 ? i : i + 1];
    const int factor = corner ? 2 : 1;
    return (point){factor * (to->x - from->x), factor * (to->y - from->y), SMOOTH};
}

/* Evaluates the cubic Hermite spline at k / SEGMENTS in integers; the slopes are
 * doubled. */
static int hermite(int from, int to, int slope_from, int slope_to, int k)
{
    const int n = SEGMENTS;
    int k2 = k * k, k3 = k2 * k, cube = n * n * n;
    int doubled = 2 * from * (2 * k3 - 3 * k2 * n + cube) +
                  2 * to * (3 * k2 * n - 2 * k3) +
                  slope_from * (k3 - 2 * k2 * n + k * n * n) + slope_to * (k3 - k2 * n);
    return doubled / (2 * cube);
}

static void flatten(const point *knots, int count, path *out)
{
    out->count = 0;
    for (int i = 0; i < count; i++) {
        if (knots[i].kind == START) {
            out->points[out->count++] = knots[i];
            continue;
        }
        const point *from = &knots[i - 1], *to = &knots[i];
        const point a = slope(knots, count, i - 1, 0), b = slope(knots, count, i, 1);
        for (int k = 1; k <= SEGMENTS; k++) {
            out->points[out->count++] =
                (point){hermite(from->x, to->x, a.x, b.x, k),
                        hermite(from->y, to->y, a.y, b.y, k), SMOOTH};
        }
    }
}

/* Applies slant and tilt as shears, which for small angles replace a rotation and need
 * no sine, and width as a factor. */
static void shear(sn_rng *rng, path *out)
{
    int slant = 500 + normal(rng, 1050);
    int tilt = normal(rng, 400);
    int width = clamp(UNIT + normal(rng, 700), UNIT / 2, 2 * UNIT);
    for (int i = 0; i < out->count; i++) {
        point *p = &out->points[i];
        int x = p->x * width / UNIT - p->y * slant / UNIT;
        p->y += x * tilt / UNIT;
        p->x = x;
    }
}

/* Scales the digit, pen width included, to about 20 pixels, and moves the centre of
 * mass of the strokes to about the middle of the image. */
static void place(sn_rng *rng, path *out, int radius)
{
    int left = FAR, right = -FAR, top = FAR, bottom = -FAR;
    for (int i = 0; i < out->count; i++) {
        point p = out->points[i];
        left = p.x < left ? p.x : left;
        right = p.x > right ? p.x : right;
        top = p.y < top ? p.y : top;
        bottom = p.y > bottom ? p.y : bottom;
    }
    int longer = right - left > bottom - top ? right - left : bottom - top;
    int extent = clamp(longer, 1, FAR);
    int size = 20 * PIXEL - 2 * radius - below(rng, 3 * PIXEL);
    int64_t mass = 0, mass_x = 0, mass_y = 0;
    for (int i = 0; i < out->count; i++) {
        point *p = &out->points[i];
        p->x = (int)((int64_t)(p->x - left) * size / extent);
        p->y = (int)((int64_t)(p->y - top) * size / extent);
        if (p->kind != START) {
            int dx = p->x - p[-1].x, dy = p->y - p[-1].y;
            int length = square_root(dx * dx + dy * dy);
            mass += length;
            mass_x += (int64_t)length * (p->x + p[-1].x) / 2;
            mass_y += (int64_t)length * (p->y + p[-1].y) / 2;
        }
    }
    mass = mass > 0 ? mass : 1;
    int shift_x = SN_SYNTH_COLS * PIXEL / 2 + normal(rng, 160) - (int)(mass_x / mass);
    int shift_y = SN_SYNTH_ROWS * PIXEL / 2 + normal(rng, 160) - (int)(mass_y / mass);
    for (int i = 0; i < out->count; i++) {
        out->points[i].x += shift_x;
        out->points[i].y += shift_y;
    }
}

/* squared[pixel] := min(squared[pixel], squared distance to the segment from a to b
 * times pressure / UNIT) for the pixels within reach. */
static void draw_segment(point a, point b, int reach, int pressure, int squared[PIXELS])
{
    int ex = b.x - a.x, ey = b.y - a.y;
    int length = square_root(ex * ex + ey * ey);
    int ux = length > 0 ? ex * UNIT / length : UNIT;
    int uy = length > 0 ? ey * UNIT / length : 0;
    int x_low = clamp(((ex < 0 ? b.x : a.x) - reach) / PIXEL, 0, SN_SYNTH_COLS - 1);
    int x_high = clamp(((ex < 0 ? a.x : b.x) + reach) / PIXEL, 0, SN_SYNTH_COLS - 1);
    int y_low = clamp(((ey < 0 ? b.y : a.y) - reach) / PIXEL, 0, SN_SYNTH_ROWS - 1);
    int y_high = clamp(((ey < 0 ? a.y : b.y) + reach) / PIXEL, 0, SN_SYNTH_ROWS - 1);
    for (int row = y_low; row <= y_high; row++) {
        int dy = row * PIXEL + PIXEL / 2 - a.y;
        int *line = squared + (ptrdiff_t)row * SN_SYNTH_COLS;
        for (int col = x_low; col <= x_high; col++) {
            int dx = col * PIXEL + PIXEL / 2 - a.x;
            int across = (dx * uy - dy * ux) / UNIT;
            int along = (dx * ux + dy * uy) / UNIT;
            int beyond = along < 0 ? along : along > length ? along - length : 0;
            int d = (across * across + beyond * beyond) / 256 * pressure / (UNIT / 256);
            line[col] = d < line[col] ? d : line[col];
        }
    }
}

/* Computes grey from the squared distances: full inside the pen, fading over `blur` at
 * its edge, with a little grain. */
static void ink(sn_rng *rng, const int squared[PIXELS], int radius, int blur,
                uint8_t image[PIXELS])
{
    int strength = clamp(265 - below(rng, 60), 0, 255);
    int grain = below(rng, 48);
    uint32_t word = 0;
    int outer = radius + blur / 2, lit = 0;
    for (int i = 0; i < PIXELS; i++) {
        image[i] = 0;
        if (squared[i] >= outer * outer) {
            continue;
        }
        if (lit++ % 4 == 0) {
            word = sn_rng_next(rng);
        }
        int speck = (int)(word & 255) * grain / 256;
        word >>= 8;
        int cover = clamp((outer - square_root(squared[i])) * 255 / blur, 0, 255);
        image[i] = (uint8_t)(cover * strength / 255 * (255 - speck) / 255);
    }
}

static uint8_t draw_one(uint64_t seed, uint64_t sample, uint8_t image[PIXELS])
{
    sn_rng rng;
    sn_rng_init(&rng, seed, SN_RNG_SYNTH, 0, (uint32_t)(sample >> 32),
                (uint32_t)sample);
    int digit = below(&rng, SN_SYNTH_CLASSES);
    const glyph *shape = choose_glyph(&rng, digit);
    point knots[KNOTS_MAX];
    path strokes;
    bend(&rng, shape, knots);
    flatten(knots, shape->count, &strokes);
    shear(&rng, &strokes);
    int radius = clamp(305 + normal(&rng, 85), 150, 560);
    int blur = 230 + below(&rng, 200);
    place(&rng, &strokes, radius);

    int squared[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        squared[i] = FAR;
    }
    /* the pressure of the pen changes from the first to the last point */
    int pressure = UNIT - normal(&rng, 500), change = normal(&rng, 900);
    int reach = radius + blur;
    for (int i = 1; i < strokes.count; i++) {
        if (strokes.points[i].kind != START) {
            int here = pressure + change * (2 * i - strokes.count) / strokes.count;
            draw_segment(strokes.points[i - 1], strokes.points[i], reach,
                         clamp(here, UNIT / 2, 2 * UNIT), squared);
        }
    }
    ink(&rng, squared, radius, blur, image);
    return (uint8_t)digit;
}

void sn_synth_draw(uint64_t seed, size_t first, size_t count, uint8_t *images,
                   uint8_t *labels)
{
    SN_PARALLEL_IF(count > 1)
    for (size_t i = 0; i < count; i++) {
        labels[i] = draw_one(seed, (uint64_t)first + i, images + i * PIXELS);
    }
}
