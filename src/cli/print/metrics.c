#include "cli/print/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void print_number(FILE *out, double value, int decimals)
{
    if (isnan(value)) {
        fprintf(out, " %9s", "-");
    } else {
        fprintf(out, " %9.*f", decimals, value);
    }
}

static void print_epoch(FILE *out, const void *rows, size_t index)
{
    const sn_epoch_row *row = (const sn_epoch_row *)rows + index;
    fprintf(out, "%5" PRId64 " %10" PRId64 " %9.3g", row->epoch, row->step,
            row->learning_rate);
    print_number(out, row->train_loss, 5);
    print_number(out, 100 * row->train_error, 2);
    print_number(out, 100 * row->validation_error, 2);
    print_number(out, 100 * row->test_error, 2);
    print_number(out, row->seconds, 2);
    print_number(out, row->samples_per_second, 0);
    fputc('\n', out);
}

static void print_step(FILE *out, const void *rows, size_t index)
{
    const sn_step_row *row = (const sn_step_row *)rows + index;
    fprintf(out, "%10" PRId64 " %5" PRId64 " %9.3g", row->step, row->epoch,
            row->learning_rate);
    print_number(out, row->loss, 5);
    print_number(out, 100 * row->error, 2);
    print_number(out, 1e3 * row->seconds, 3);
    fputc('\n', out);
}

static void print_rank(FILE *out, const void *rows, size_t index)
{
    const sn_rank_row *row = (const sn_rank_row *)rows + index;
    fprintf(out, "%5" PRId64 " %10" PRId64 " %5" PRId64, row->epoch, row->step,
            row->rank);
    print_number(out, row->gather_seconds, 3);
    print_number(out, row->compute_seconds, 3);
    print_number(out, row->wait_seconds, 3);
    print_number(out, row->reduce_seconds, 3);
    print_number(out, row->update_seconds, 3);
    fputc(' ', out);
    const size_t length = strnlen(row->host, sizeof row->host);
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)row->host[i];
        fputc(c < ' ' || c == 127 ? '?' : c, out);
    }
    fputc('\n', out);
}

typedef struct layout {
    const char *header;
    void (*print)(FILE *out, const void *rows, size_t index);
} layout;

static const layout layouts[SN_TABLES] = {
    {"epoch       step      rate      loss   train %   valid %    test %   seconds "
     "samples/s\n",
     print_epoch},
    {"      step epoch      rate      loss   error %        ms\n", print_step},
    {"epoch       step  rank  gather s compute s    wait s  reduce s  update s host\n",
     print_rank},
};

void sn_metrics_print_header(const sn_metrics_printer *printer)
{
    if (printer->csv) {
        sn_metrics_print_names(printer->out, printer->kind);
    } else {
        fputs(layouts[printer->kind].header, printer->out);
    }
}

bool sn_metrics_print_piece(void *user, const void *rows, size_t count)
{
    const sn_metrics_printer *printer = user;
    FILE *out = printer->out;
    if (count == 0) {
        sn_metrics_print_header(printer);
    } else if (printer->csv) {
        sn_metrics_print_rows(out, printer->kind, rows, count);
    } else {
        for (size_t i = 0; i < count && !ferror(out); i++) {
            layouts[printer->kind].print(out, rows, i);
        }
    }
    return !ferror(out);
}
