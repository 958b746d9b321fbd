/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the gnuplot scripts of a report.  They hold only numbers and words of this
 * file, so that no name in a run becomes a command. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/comparison.h"
#include "cli/report/gnuplot.h"
#include "cli/report/plot.h"

enum {
    MAX_POINTS = 1000, /* per curve */
    MAX_MARKED = 40,   /* points with a mark */
    MAX_BARS = 64,     /* one bar per rank; if more ranks, one per host */
    MAX_TICKS = 16,
    MAX_CURVES = 3,
    COLOURS = 8
};

#define GREY  "#808080"
#define BLUE  "#3b7dd8"
#define AMBER "#dca32c"
#define RED   "#d9552b"
#define GREEN "#3f9d6b"

static const char *const run_colours[COLOURS] = {
    BLUE, RED, GREEN, AMBER, "#9a66cc", "#22a3b4", "#d05f9b", "#8f8a3a"};

const char *sn_plot_colour(size_t i)
{
    return run_colours[i % COLOURS];
}

bool sn_plot_is_dashed(size_t i)
{
    return i >= COLOURS;
}

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

/* The curves of one run in a plot. */
typedef struct plot {
    const char *name, *label;
    bool decades; /* see sn_picture */
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

/* The same column of several runs. */
static const plot run_plots[SN_CURVES] = {
    [SN_CURVES_LOSS] =
        {"loss", "training loss, nats", true, 1, {CURVE(train_loss, 1, "", BLUE)}},
    [SN_CURVES_VALIDATION] = {"validation",
                              "validation error, %",
                              true,
                              1,
                              {CURVE(validation_error, 100, "", BLUE)}},
    [SN_CURVES_TEST] = {
        "test", "test error, %", true, 1, {CURVE(test_error, 100, "", BLUE)}}};

/* A curve of a run as it is drawn. */
typedef struct series {
    const sn_report *report;
    curve drawn;
    char title[16];
    bool dashed;
    size_t points;
} series;

/* Curves over the epochs.  The y axis begins at zero; it is logarithmic if decades is
 * true and the values span decades. */
typedef struct picture {
    const char *name, *label;
    bool decades;
    size_t count;
    series series[SN_PLOT_RUNS];
    const sn_report
        *parts; /* the run whose times per rank are drawn instead, or NULL */
} picture;

static double value_of(const sn_epoch_row *row, const curve *drawn)
{
    double value;
    memcpy(&value, (const char *)row + drawn->offset, sizeof value);
    return drawn->factor * value;
}

/* Returns the number of finite values of a curve and extends [*least, *most] by them.
 */
static size_t find_range(const series *line, double *least, double *most)
{
    const sn_report *report = line->report;
    size_t count = 0;
    for (size_t i = 0; i < report->epoch_count; i++) {
        const double value = value_of(&report->epochs[i], &line->drawn);
        if (isfinite(value)) {
            *least = fmin(*least, value);
            *most = fmax(*most, value);
            count++;
        }
    }
    return count;
}

/* Writes the finite points; if these are too many, every nth and the last. */
static void write_points(FILE *out, const series *line)
{
    const sn_report *report = line->report;
    const size_t count = line->points;
    const size_t every = (count + MAX_POINTS - 1) / MAX_POINTS;
    size_t point = 0;
    for (size_t i = 0; i < report->epoch_count; i++) {
        const sn_epoch_row *row = &report->epochs[i];
        const double value = value_of(row, &line->drawn);
        if (isfinite(value) && (point++ % every == 0 || point == count)) {
            fprintf(out, "%" PRId64 " %.9g\n", row->epoch, value);
        }
    }
}

/* Returns false if there are no values to plot. */
static bool write_axes(FILE *out, picture *made)
{
    enum { EACH_EPOCH = 10 };      /* up to this number each has a tick */
    static const double wide = 20; /* ratio from which the axis is logarithmic */
    double least = INFINITY, most = -INFINITY;
    int64_t epochs = 0;
    for (size_t c = 0; c < made->count; c++) {
        series *line = &made->series[c];
        const int64_t last = sn_report_last_epoch(line->report);
        line->points = find_range(line, &least, &most);
        epochs = last > epochs ? last : epochs;
    }
    if (!(least <= most)) {
        return false;
    }
    fprintf(out, "set xlabel 'epoch'\nset ylabel '%s'\n", made->label);
    if (epochs == 1) {
        fprintf(out, "set xrange [0:2]\n");
    }
    if (epochs <= EACH_EPOCH) {
        fprintf(out, "set xtics 1\n");
    }
    if (made->decades && least > 0 && most > wide * least) {
        fprintf(out, "set logscale y\n");
    } else {
        fprintf(out, "set yrange [0:%.9g]\n", most > 0 ? 1.05 * most : 1);
    }
    return true;
}

/* Returns false if there are no values to plot. */
static bool write_curves(FILE *out, picture *made)
{
    if (!write_axes(out, made)) {
        return false;
    }
    for (size_t c = 0; c < made->count; c++) {
        if (made->series[c].points > 0) {
            fprintf(out, "$curve%zu << END\n", c);
            write_points(out, &made->series[c]);
            fprintf(out, "END\n");
        }
    }
    const char *separator = "plot";
    for (size_t c = 0; c < made->count; c++) {
        const series *line = &made->series[c];
        if (line->points > 0) {
            fprintf(
                out,
                "%s $curve%zu using 1:2 with %s lw 1.8 dt %d lc rgb '%s' title '%s'",
                separator, c,
                line->report->epoch_count <= MAX_MARKED ? "linespoints pt 7 ps 0.4"
                                                        : "lines",
                line->dashed ? 2 : 1, line->drawn.colour, line->title);
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

static sn_status draw(picture *made, char **svg, sn_error *err)
{
    char *script = NULL;
    size_t bytes;
    FILE *out = open_memstream(&script, &bytes);
    if (out == NULL) {
        return sn_fail(err, SN_ENOMEM, "plots: out of memory");
    }
    fprintf(out,
            "set terminal svg size 480,270 dynamic font 'sans-serif,14' name '%s'\n"
            "set encoding utf8\n"
            "set border 3 lc rgb '" GREY "'\n"
            "set tics nomirror out scale 0.5\n"
            "set grid ytics lc rgb '" GREY "' lw 0.5 dt (2,4)\n"
            "set key above left horizontal Left reverse samplen 2\n"
            "set datafile missing 'NaN'\n",
            made->name);
    const bool any =
        made->parts != NULL ? write_parts(out, made->parts) : write_curves(out, made);
    fputc('\n', out);
    sn_status status = SN_OK;
    if (fclose(out) != 0) {
        status = sn_fail(err, SN_ENOMEM, "plots: out of memory");
    } else if (any) {
        status = sn_gnuplot_svg(script, bytes, made->name, svg, err);
    }
    free(script);
    return status;
}

/* Ends the drawing: a page without plots is no failure. */
static sn_status finish(sn_status status, sn_report_plots *drawn, sn_error *err)
{
    if (status == SN_ENOINPUT) {
        (void)sn_fail(&drawn->missing, status, "gnuplot is not installed");
    }
    return status == SN_ENOMEM ? sn_fail(err, status, "%s", drawn->missing.message)
                               : SN_OK;
}

static picture begin(const plot *kind)
{
    return (picture){
        .name = kind->name, .label = kind->label, .decades = kind->decades};
}

sn_status sn_report_draw(const sn_report *report, sn_report_plots *drawn, sn_error *err)
{
    *drawn = (sn_report_plots){.svg = {NULL}};
    sn_status status = SN_OK;
    for (int i = 0; status == SN_OK && i < SN_PLOTS; i++) {
        picture made = {.name = "parts", .parts = report};
        if (i != SN_PLOT_PARTS) {
            made = begin(&plots[i]);
            made.count = plots[i].count;
            for (size_t c = 0; c < made.count; c++) {
                series *line = &made.series[c];
                *line = (series){.report = report, .drawn = plots[i].curves[c]};
                snprintf(line->title, sizeof line->title, "%s", line->drawn.name);
            }
        }
        status = draw(&made, &drawn->svg[i], &drawn->missing);
    }
    return finish(status, drawn, err);
}

sn_status sn_comparison_draw(const sn_comparison *comparison, sn_report_plots *drawn,
                             sn_error *err)
{
    *drawn = (sn_report_plots){.svg = {NULL}};
    sn_status status = SN_OK;
    for (int i = 0; status == SN_OK && i < SN_CURVES; i++) {
        picture made = begin(&run_plots[i]);
        for (size_t r = 0; r < comparison->count && r < SN_PLOT_RUNS; r++) {
            series *line = &made.series[made.count++];
            *line = (series){.report = comparison->order[r],
                             .drawn = run_plots[i].curves[0],
                             .dashed = sn_plot_is_dashed(r)};
            line->drawn.colour = sn_plot_colour(r);
            snprintf(line->title, sizeof line->title, "%zu", r + 1);
        }
        status = draw(&made, &drawn->svg[i], &drawn->missing);
    }
    return finish(status, drawn, err);
}

void sn_report_plots_clear(sn_report_plots *drawn)
{
    for (int i = 0; i < SN_PLOTS; i++) {
        free(drawn->svg[i]);
    }
    *drawn = (sn_report_plots){.svg = {NULL}};
}
