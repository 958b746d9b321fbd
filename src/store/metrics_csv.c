#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shardnet/mem.h"
#include "store/metrics_table.h"

static const sn_table *find_table(const char *name)
{
    for (int i = 0; i < SN_TABLES; i++) {
        if (strcmp(sn_metrics_tables[i].name, name) == 0) {
            return &sn_metrics_tables[i];
        }
    }
    return NULL;
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

static void print_header(FILE *out, const sn_table *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        fprintf(out, "%s%s", i > 0 ? "," : "", table->columns[i].name);
    }
    fputc('\n', out);
}

/* Reads all rows of a table block by block, and prints them where out is not NULL. */
static bool pass_rows(FILE *out, const sn_table *table, hid_t dataset, uint64_t rows,
                      sn_h5_why *why)
{
    enum { BLOCK_ROWS = 1024 };
    hid_t type = sn_table_memory_type(table);
    char *block = sn_alloc(BLOCK_ROWS, table->row_bytes);
    bool done = (type >= 0 && block != NULL) || sn_h5_because(why, "out of memory");
    for (uint64_t first = 0; done && first < rows && (out == NULL || !ferror(out));
         first += BLOCK_ROWS) {
        size_t count = rows - first < BLOCK_ROWS ? (size_t)(rows - first) : BLOCK_ROWS;
        done = sn_table_read(dataset, type, first, count, block, why);
        for (size_t i = 0; out != NULL && done && i < count; i++) {
            print_row(out, table, block + i * table->row_bytes);
        }
    }
    free(block);
    sn_h5_close(&type);
    return done;
}

/* One table, checked and read whole; printed where out is not NULL. */
static sn_status pass_table(const char *path, const sn_table *table, FILE *out,
                            uint64_t *rows, sn_error *err)
{
    sn_h5_why why;
    hid_t file, dataset = H5I_INVALID_HID;
    bool done = sn_h5_open(path, false, &file, &why) &&
                sn_table_open(file, table, &dataset, rows, &why) &&
                sn_table_check(file, dataset, table, *rows, true, &why);
    if (done && out != NULL) {
        print_header(out, table);
    }
    done = done && pass_rows(out, table, dataset, *rows, &why);
    sn_h5_close(&dataset);
    sn_h5_close(&file);
    return done ? SN_OK
                : sn_fail(err, SN_EDATA, "metrics damaged (%s): /%s: %s", path,
                          table->name, why.text);
}

sn_status sn_metrics_verify(const char *path, size_t *epoch_count, size_t *step_count,
                            size_t *rank_count, sn_error *err)
{
    sn_h5_begin();
    size_t *const counts[SN_TABLES] = {epoch_count, step_count, rank_count};
    sn_status status = sn_h5_find(path, err);
    for (int i = 0; status == SN_OK && i < SN_TABLES; i++) {
        uint64_t rows;
        status = pass_table(path, &sn_metrics_tables[i], NULL, &rows, err);
        *counts[i] = status == SN_OK ? (size_t)rows : 0;
    }
    return status;
}

sn_status sn_metrics_write_csv(const char *path, const char *name, FILE *out,
                               sn_error *err)
{
    sn_h5_begin();
    const sn_table *table = find_table(name);
    if (table == NULL) {
        return sn_fail(
            err, SN_EUSAGE,
            "no table of metrics has this name (%s): choose epochs, steps or "
            "ranks",
            name);
    }
    uint64_t rows;
    sn_status status = sn_h5_find(path, err);
    if (status == SN_OK) {
        status = pass_table(path, table, out, &rows, err);
    }
    if (status == SN_OK && (fflush(out) != 0 || ferror(out))) {
        status = sn_fail(err, SN_EIO, "cannot write the table %s of (%s)", name, path);
    }
    return status;
}
