/* SPDX-License-Identifier: BSD-3-Clause */
/* CSV tables as Kaggle has them, plain or gzip: a header whose first column is "label",
 * then one square image per row: its label, then its pixels, 0 to 255, row by row. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/system/file.h"
#include "data/formats/gunzip.h"
#include "data/source/source.h"

enum { BUFFER_BYTES = 65536, END = -1, FAILED = -2, BYTES_FIRST = 1 << 20 };

typedef struct table {
    sn_gunzip from;
    uint8_t buffer[BUFFER_BYTES];
    size_t next, filled;
    size_t line; /* from 1 */
    sn_status status;
    sn_error *err;
} table;

/* Finds the training and the test table of a folder; a path of a file is the training
 * table. */
static bool find(const char *path, sn_source *source)
{
    sn_error ignored;
    if (!sn_is_folder(path)) {
        return sn_file_exists(path) && sn_source_ends(path, ".csv") &&
               sn_path_format(source->file[0], &ignored, "%s", path) == SN_OK;
    }
    char **names;
    size_t count;
    if (sn_source_list(path, &names, &count, &ignored) != SN_OK) {
        return false;
    }
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        const bool train = strstr(names[i], "train") != NULL;
        if (!sn_source_ends(names[i], ".csv") ||
            (!train && strstr(names[i], "test") == NULL)) {
            continue;
        }
        char *file = source->file[train ? 0 : 2];
        good = file[0] == '\0' && sn_path_join(file, path, names[i], &ignored) == SN_OK;
    }
    sn_source_free_names(names, count);
    source->has_test = source->file[2][0] != '\0';
    return good && source->file[0][0] != '\0';
}

static int next(table *t)
{
    if (t->next == t->filled) {
        t->next = 0;
        t->status =
            sn_gunzip_read(&t->from, t->buffer, sizeof t->buffer, &t->filled, t->err);
        if (t->status != SN_OK) {
            t->filled = 0;
            return FAILED;
        }
        if (t->filled == 0) {
            return END;
        }
    }
    return t->buffer[t->next++];
}

static sn_status malformed(table *t, const char *why)
{
    return t->status != SN_OK
               ? t->status
               : sn_fail(t->err, SN_EDATA,
                         "malformed CSV file (%s): line %zu: %s; correct the file",
                         t->from.path, t->line, why);
}

/* Reads a number and the next character, *after: a comma or the end of the line.
 * Returns the number, or -1 if the text is no number from 0 to 255. */
static int read_value(table *t, int c, int *after)
{
    int value = -1;
    const bool quoted = c == '"';
    for (c = quoted ? next(t) : c; c >= '0' && c <= '9' && value < 256; c = next(t)) {
        value = 10 * (value < 0 ? 0 : value) + c - '0';
    }
    if (quoted) {
        c = c == '"' ? next(t) : 'x';
    }
    c = c == '\r' ? next(t) : c;
    *after = c;
    return value < 256 && (c == ',' || c == '\n' || c == END) ? value : -1;
}

/* Reads the header; the number of its columns without the label is the number of
 * pixels. */
static sn_status read_header(table *t, sn_samples *samples)
{
    char first[16] = "";
    size_t length = 0, pixels = 0;
    int c;
    while ((c = next(t)) >= 0 && c != '\n') {
        pixels += c == ',';
        if (pixels == 0 && c != '"' && length + 1 < sizeof first) {
            first[length++] = (char)c;
        }
    }
    if (c == FAILED) {
        return t->status;
    }
    /* a byte-order mark comes from spreadsheets */
    const char *name = strncmp(first, "\xef\xbb\xbf", 3) == 0 ? first + 3 : first;
    if (strpbrk(name, ";\t") != NULL) {
        return malformed(t, "its columns are not separated by commas");
    }
    if (name[0] >= '0' && name[0] <= '9') {
        return malformed(t, "it is no header; if the label is the first column, put "
                            "the line label,pixel0,pixel1,... before it");
    }
    if (strcmp(name, "label") != 0) {
        return sn_fail(t->err, SN_EDATA,
                       "no labels (%s): line 1: the first column is '%s', not 'label'; "
                       "import a table with labels alone, with --test-fraction",
                       t->from.path, name);
    }
    const size_t side = (size_t)lround(sqrt((double)pixels));
    if (pixels == 0 || side * side != pixels) {
        return malformed(t, "the columns after the label are not a square image");
    }
    samples->rows = samples->cols = side;
    return SN_OK;
}

/* Reads a row whose first character is c. */
static sn_status read_row(table *t, int c, sn_samples *samples)
{
    const size_t pixels = samples->rows * samples->cols;
    if (samples->count == samples->room) {
        const size_t room =
            samples->room == 0 ? 1 + BYTES_FIRST / pixels : 2 * samples->room;
        const sn_status status =
            sn_samples_reserve(samples, room, t->from.path, t->err);
        if (status != SN_OK) {
            return status;
        }
    }
    uint8_t *image = samples->images + samples->count * pixels;
    for (size_t i = 0; i <= pixels; i++) {
        int after;
        const int value = read_value(t, c, &after);
        if (value < 0) {
            return malformed(t, i == 0 ? "the label is not a number 0 to 255"
                                       : "a pixel is not a number 0 to 255");
        }
        if ((after == ',') != (i < pixels)) {
            return malformed(t, i < pixels ? "it has fewer columns than the header"
                                           : "it has more columns than the header");
        }
        if (i == 0) {
            samples->labels[samples->count] = (uint8_t)value;
        } else {
            image[i - 1] = (uint8_t)value;
        }
        c = i < pixels ? next(t) : 0;
    }
    samples->count++;
    return SN_OK;
}

static sn_status read(const sn_source *source, bool test, sn_samples *samples,
                      sn_error *err)
{
    table t = {.line = 1, .err = err};
    t.status = sn_gunzip_open(&t.from, source->file[test ? 2 : 0], "a CSV file", err);
    if (t.status != SN_OK) {
        return t.status;
    }
    sn_status status = read_header(&t, samples);
    int c;
    while (status == SN_OK && (c = next(&t)) >= 0) {
        t.line++;
        if (c != '\n' && c != '\r') {
            status = read_row(&t, c, samples);
        }
    }
    sn_gunzip_close(&t.from);
    return status == SN_OK ? t.status : status;
}

const sn_source_form sn_source_csv = {"CSV tables", find, read, NULL};
