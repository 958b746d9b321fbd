/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the gnuplot scripts of a report.  They hold only numbers and words of this
 * file, so that no name in a run becomes a command. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/gnuplot.h"
#include "cli/report/report.h"

enum {
    MAX_POINTS = 1000, /* per curve */
    MAX_MARKED = 40,   /* points with a mark */
    MAX_BARS = 64,     /* one bar per rank; if more ranks, one per host */
    MAX_TICKS = 16,
    MAX_CURVES = 3
};

#define GREY  "#808080"
#define BLUE  "#3b7dd8"
#define AMBER "#dca32c"
#define RED   "#d9552b"
#define GREEN "#3f9d6b"

/* A column of the table of epochs: its offset in a row, a factor, name and colour. */
typedef struct curve {
    size_t offset;
    double factor;
    const char *name, *colour;
} curve;

#define CURVE(member, factor, name, colour)                                            \
    {                                                                                  \
        offsetof(sn_epoch_row, member), factor, name, colour                           \
    }

/* Curves over the epochs.  The y axis begins at zero; it is logarithmic if decades is
 * true and the values span decades. */
typedef struct plot {
    const char *name, *label;
    bool decades;
    size_t count;
    curve curves[MAX_CURVES];
} plot;

static const plot plots[SN_PLOT_PARTS] = {
    [SN_PLOT_LOSS] = {"loss",
                      "loss, nats",
                      true,
                      3,
                      {CURVE(train_loss, 1, "training", BLUE),
                       CURVE(validation_loss, 1, "validation", AMBER),
                       CURVE(test_loss, 1, "test", RED)}},
    [SN_PLOT_ERROR] = {"error",
                       "error, %",
                       true,
                       3,
                       {CURVE(train_error, 100, "training", BLUE),
                        CURVE(validation_error, 100, "validation", AMBER),
                        CURVE(test_error, 100, "test", RED)}},
    [SN_PLOT_RATE] = {"rate",
                      "learning rate",
                      false,
                      1,
                      {CURVE(learning_rate, 1, "learning rate", GREEN)}}};

static double value_of(const sn_epoch_row *row, const curve *drawn)
{
    double value;
    memcpy(&value, (const char *)row + drawn->offset, sizeof value);
    return drawn->factor * value;
}

/* Returns the number of finite values of a curve and extends [*least, *most] by them.
 */
static size_t find_range(const sn_report *report, const curve *drawn, double *least,
                         double *most)
{
    size_t count = 0;
    for (size_t i = 0; i < report->epoch_count; i++) {
        const double value = value_of(&report->epochs[i], drawn);
        if (isfinite(value)) {
            *least = fmin(*least, value);
            *most = fmax(*most, value);
            count++;
        }
    }
    return count;
}

/* Writes the count finite points; if these are too many, every nth and the last. */
static void write_points(FILE *out, const sn_report *report, const curve *drawn,
                         size_t count)
{
    const size_t every = (count + MAX_POINTS - 1) / MAX_POINTS;
    size_t point = 0;
    for (size_t i = 0; i < report->epoch_count; i++) {
        const sn_epoch_row *row = &report->epochs[i];
        const double value = value_of(row, drawn);
        if (isfinite(value) && (point++ % every == 0 || point == count)) {
            fprintf(out, "%" PRId64 " %.9g\n", row->epoch, value);
        }
    }
}

/* Returns false if there are no values to plot. */
static bool write_curves(FILE *out, const sn_report *report, const plot *drawn)
{
    static const double wide = 20; /* ratio from which the axis is logarithmic */
    double least = INFINITY, most = -INFINITY;
    size_t points[MAX_CURVES] = {0};
    const size_t count = drawn->count < MAX_CURVES ? drawn->count : MAX_CURVES;
    for (size_t c = 0; c < count; c++) {
        points[c] = find_range(report, &drawn->curves[c], &least, &most);
    }
    if (!(least <= most)) {
        return false;
    }
    fprintf(out, "set xlabel 'epoch'\nset ylabel '%s'\n", drawn->label);
    if (report->epoch_count == 1) {
        fprintf(out, "set xrange [0:2]\nset xtics 1\n");
    }
    if (drawn->decades && least > 0 && most > wide * least) {
        fprintf(out, "set logscale y\n");
    } else {
        fprintf(out, "set yrange [0:%.9g]\n", most > 0 ? 1.05 * most : 1);
    }
    for (size_t c = 0; c < count; c++) {
        if (points[c] > 0) {
            fprintf(out, "$curve%zu << END\n", c);
            write_points(out, report, &drawn->curves[c], points[c]);
            fprintf(out, "END\n");
        }
    }
    const char *separator = "plot";
    for (size_t c = 0; c < count; c++) {
        if (points[c] > 0) {
            fprintf(out, "%s $curve%zu using 1:2 with %s lw 1.8 lc rgb '%s' title '%s'",
                    separator, c,
                    report->epoch_count <= MAX_MARKED ? "linespoints pt 7 ps 0.4"
                                                      : "lines",
                    drawn->curves[c].colour, drawn->curves[c].name);
            separator = ",";
        }
    }
    return true;
}

/* Writes one bar per rank or host; reduce is shown without wait. */
static void write_bars(FILE *out, const sn_report_rows *rows, bool by_host)
{
    const size_t every = (rows->count + MAX_TICKS - 1) / MAX_TICKS;
    fprintf(out, "set xtics (");
    for (size_t i = 0; i < rows->count; i += every) {
        fprintf(out, "%s'%" PRId64 "' %zu", i > 0 ? ", " : "",
                by_host ? (int64_t)i + 1 : rows->row[i].rank, i);
    }
    fprintf(out, ")\n$parts << END\n");
    for (size_t i = 0; i < rows->count; i++) {
        const double *seconds = rows->row[i].seconds;
        fprintf(out, "%zu %.9g %.9g %.9g %.9g %.9g\n", i, seconds[SN_PART_GATHER],
                seconds[SN_PART_COMPUTE], seconds[SN_PART_UPDATE],
                seconds[SN_PART_REDUCE] - seconds[SN_PART_WAIT], seconds[SN_PART_WAIT]);
    }
    fprintf(out, "END\n");
}

/* Returns false if there are no values to plot. */
static bool write_parts(FILE *out, const sn_report *report)
{
    static const char *const parts[] = {"gather", "compute", "update", "reduce",
                                        "wait"};
    static const char *const colours[] = {GREY, BLUE, GREEN, RED, AMBER};
    const bool by_host = report->ranks.count > MAX_BARS;
    const sn_report_rows *rows = by_host ? &report->hosts : &report->ranks;
    if (rows->count == 0) {
        return false;
    }
    fprintf(out,
            "set xlabel '%s'\nset ylabel 'seconds per epoch'\nset yrange [0:*]\n"
            "set xrange [-0.7:%zu-0.3]\nset style fill solid noborder\n"
            "set boxwidth %s\n",
            by_host ? "host, number in the table below" : "rank", rows->count,
            report->ranks.count <= 4 ? "0.3" : "0.7");
    write_bars(out, rows, by_host);
    /* stacked bars: the sum of all parts first, smaller sums in front of it */
    for (int top = SN_PARTS; top >= 1; top--) {
        fprintf(out, "%s $parts using 1:($2", top == SN_PARTS ? "plot" : ",");
        for (int part = 2; part <= top; part++) {
            fprintf(out, "+$%d", part + 1);
        }
        fprintf(out, ") with boxes lc rgb '%s' title '%s'", colours[top - 1],
                parts[top - 1]);
    }
    return true;
}

static sn_status draw(const sn_report *report, int which, char **svg, sn_error *err)
{
    const char *name = which == SN_PLOT_PARTS ? "parts" : plots[which].name;
    char *script = NULL;
    size_t bytes;
    FILE *out = open_memstream(&script, &bytes);
    if (out == NULL) {
        return sn_fail(err, SN_ENOMEM, "plots: out of memory");
    }
    fprintf(out,
            "set terminal svg size 760,300 dynamic font 'sans-serif,13' name '%s'\n"
            "set encoding utf8\n"
            "set border 3 lc rgb '" GREY "'\n"
            "set tics nomirror out scale 0.5\n"
            "set grid ytics lc rgb '" GREY "' lw 0.5 dt (2,4)\n"
            "set key above left horizontal Left reverse samplen 2\n"
            "set datafile missing 'NaN'\n",
            name);
    const bool any = which == SN_PLOT_PARTS ? write_parts(out, report)
                                            : write_curves(out, report, &plots[which]);
    fputc('\n', out);
    sn_status status = SN_OK;
    if (fclose(out) != 0) {
        status = sn_fail(err, SN_ENOMEM, "plots: out of memory");
    } else if (any) {
        status = sn_gnuplot_svg(script, bytes, name, svg, err);
    }
    free(script);
    return status;
}

sn_status sn_report_draw(const sn_report *report, sn_report_plots *drawn, sn_error *err)
{
    *drawn = (sn_report_plots){.svg = {NULL}};
    sn_status status = SN_OK;
    for (int i = 0; status == SN_OK && i < SN_PLOTS; i++) {
        status = draw(report, i, &drawn->svg[i], &drawn->missing);
    }
    if (status == SN_ENOINPUT) {
        (void)sn_fail(&drawn->missing, status, "gnuplot is not installed");
    }
    /* a page without plots is no failure */
    return status == SN_ENOMEM ? sn_fail(err, status, "%s", drawn->missing.message)
                               : SN_OK;
}

void sn_report_plots_clear(sn_report_plots *drawn)
{
    for (int i = 0; i < SN_PLOTS; i++) {
        free(drawn->svg[i]);
    }
    *drawn = (sn_report_plots){.svg = {NULL}};
}
