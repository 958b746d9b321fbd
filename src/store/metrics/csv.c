#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/metrics/table.h"

const char *sn_metrics_name(sn_metrics_kind kind)
{
    return sn_metrics_tables[kind].name;
}

/* SN_TABLES for no such name. */
static sn_metrics_kind find_table(const char *name)
{
    int kind = 0;
    while (kind < SN_TABLES && strcmp(sn_metrics_tables[kind].name, name) != 0) {
        kind++;
    }
    return (sn_metrics_kind)kind;
}

/* The shortest text that reads back as the same number. */
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

/* The name comes from a file: quoted where CSV needs it, and no control characters. */
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
            int64_t integer;
            memcpy(&integer, value, sizeof integer);
            fprintf(out, "%" PRId64, integer);
        } else if (column->kind == SN_COLUMN_REAL) {
            double real;
            memcpy(&real, value, sizeof real);
            print_real(out, real);
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

/* Hands over all rows of a table block by block, while they are wanted. */
static bool pass_rows(const sn_table *table, hid_t dataset, uint64_t rows,
                      sn_metrics_take *take, void *user, sn_h5_why *why)
{
    enum { BLOCK_ROWS = 1024 };
    hid_t type = sn_table_memory_type(table);
    char *block = sn_alloc(BLOCK_ROWS, table->row_bytes);
    bool done = (type >= 0 && block != NULL) || sn_h5_because(why, "out of memory");
    bool wanted = done && take(user, block, 0);
    for (uint64_t first = 0; done && wanted && first < rows; first += BLOCK_ROWS) {
        size_t count = rows - first < BLOCK_ROWS ? (size_t)(rows - first) : BLOCK_ROWS;
        done = sn_table_read(dataset, type, first, count, block, why);
        wanted = done && take(user, block, count);
    }
    free(block);
    sn_h5_close(&type);
    return done;
}

sn_status sn_metrics_each(const char *path, sn_metrics_kind kind, sn_metrics_take *take,
                          void *user, sn_error *err)
{
    sn_h5_begin();
    const sn_table *table = &sn_metrics_tables[kind];
    sn_status status = sn_h5_find(path, err);
    if (status != SN_OK) {
        return status;
    }
    sn_h5_why why;
    hid_t file, dataset = H5I_INVALID_HID;
    uint64_t rows;
    bool done = sn_h5_open(path, &file, &why) &&
                sn_table_open(file, table, &dataset, &rows, &why) &&
                sn_table_check(file, dataset, table, 0, rows, true, &why) &&
                pass_rows(table, dataset, rows, take, user, &why);
    sn_h5_close(&dataset);
    sn_h5_close(&file);
    return done ? SN_OK
                : sn_fail(err, SN_EDATA, "metrics damaged (%s): /%s: %s", path,
                          table->name, why.text);
}

static bool count_rows(void *user, const void *rows, size_t count)
{
    size_t *total = user;
    (void)rows;
    *total += count;
    return true;
}

sn_status sn_metrics_verify(const char *path, size_t *epoch_count, size_t *step_count,
                            size_t *rank_count, sn_error *err)
{
    size_t *const counts[SN_TABLES] = {epoch_count, step_count, rank_count};
    sn_status status = SN_OK;
    for (int i = 0; status == SN_OK && i < SN_TABLES; i++) {
        *counts[i] = 0;
        status = sn_metrics_each(path, (sn_metrics_kind)i, count_rows, counts[i], err);
    }
    return status;
}

typedef struct csv {
    FILE *out;
    sn_metrics_kind kind;
} csv;

static bool print_piece(void *user, const void *rows, size_t count)
{
    const csv *to = user;
    if (count == 0) {
        sn_metrics_print_names(to->out, to->kind);
    }
    sn_metrics_print_rows(to->out, to->kind, rows, count);
    return !ferror(to->out);
}

sn_status sn_metrics_write_csv(const char *path, const char *name, FILE *out,
                               sn_error *err)
{
    csv to = {out, find_table(name)};
    if (to.kind == SN_TABLES) {
        return sn_fail(
            err, SN_EUSAGE,
            "no table of metrics has this name (%s): choose epochs, steps or "
            "ranks",
            name);
    }
    sn_status status = sn_metrics_each(path, to.kind, print_piece, &to, err);
    if (status == SN_OK && (fflush(out) != 0 || ferror(out))) {
        status = sn_fail(err, SN_EIO, "cannot write the table %s of (%s)", name, path);
    }
    return status;
}
