/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints rows of metrics as comma-separated values. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/metrics/table.h"

/* Prints the shortest text that reads back as the same number; nothing for NAN. */
static void print_real(FILE *out, double value)
{
    enum { DIGITS_SURE = 15, DIGITS_EXACT = 17 };
    char text[40];
    if (isnan(value)) {
        return;
    }
    for (int digits = DIGITS_SURE; digits <= DIGITS_EXACT; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    fputs(text, out);
}

/* Quotes the name if CSV requires it, and replaces control characters. */
static void print_host(FILE *out, const char *host)
{
    size_t length = strnlen(host, SN_HOST_COLUMN_BYTES);
    bool quoted = memchr(host, ',', length) || memchr(host, '"', length);
    if (quoted) {
        fputc('"', out);
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)host[i];
        if (c == '"') {
            fputc('"', out);
        }
        fputc(c < ' ' || c == 127 ? '?' : c, out);
    }
    if (quoted) {
        fputc('"', out);
    }
}

static void print_row(FILE *out, const sn_table *table, const char *row)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const sn_column *column = &table->columns[i];
        const char *value = row + column->offset;
        if (i > 0) {
            fputc(',', out);
        }
        if (column->kind == SN_COLUMN_INTEGER) {
            fprintf(out, "%" PRId64, *(const int64_t *)(const void *)value);
        } else if (column->kind == SN_COLUMN_REAL) {
            print_real(out, *(const double *)(const void *)value);
        } else {
            print_host(out, value);
        }
    }
    fputc('\n', out);
}

void sn_metrics_print_rows(FILE *out, sn_metrics_kind kind, const void *rows,
                           size_t count)
{
    const sn_table *table = &sn_metrics_tables[kind];
    for (size_t i = 0; i < count && !ferror(out); i++) {
        print_row(out, table, (const char *)rows + i * table->row_bytes);
    }
}

void sn_metrics_print_names(FILE *out, sn_metrics_kind kind)
{
    const sn_table *table = &sn_metrics_tables[kind];
    for (size_t i = 0; i < table->column_count; i++) {
        fprintf(out, "%s%s", i > 0 ? "," : "", table->columns[i].name);
    }
    fputc('\n', out);
}
