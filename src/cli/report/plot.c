/* The plots of a report: scripts for gnuplot in which there is nothing but numbers and
 * words of this file, so that nothing of a run can be taken for a command. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/gnuplot.h"
#include "cli/report/report.h"

/* More points or bars than that are thinned out, or taken by host. */
enum {
    MOST_POINTS = 1000,
    MOST_MARKED = 40,
    MOST_BARS = 64,
    MOST_TICKS = 16,
    MOST_CURVES = 3
};

#define GREY  "#808080"
#define BLUE  "#3b7dd8"
#define AMBER "#dca32c"
#define RED   "#d9552b"
#define GREEN "#3f9d6b"

/* One script that is being written. */
typedef struct script {
    FILE *out;
    char *text;
    size_t bytes;
} script;

static bool begin(script *made, const char *name, int height)
{
    *made = (script){NULL};
    made->out = open_memstream(&made->text, &made->bytes);
    if (made->out == NULL) {
        return false;
    }
    fprintf(made->out,
            "set terminal svg size 760,%d dynamic font 'sans-serif,13' name '%s'\n"
            "set encoding utf8\n"
            "set border 3 lc rgb '" GREY "'\n"
            "set tics nomirror out scale 0.5\n"
            "set grid ytics lc rgb '" GREY "' lw 0.5 dt (2,4)\n"
            "set key above left horizontal Left reverse samplen 2\n"
            "set datafile missing 'NaN'\n",
            height, name);
    return true;
}

/* Runs the script.  Where gnuplot cannot draw, why is noted, and that is no failure. */
static sn_status finish(script *made, const char *name, char **svg,
                        sn_report_plots *plots, sn_error *err)
{
    sn_error why = {""};
    sn_status status = fclose(made->out) == 0
                           ? sn_gnuplot_svg(made->text, made->bytes, name, svg, &why)
                           : sn_fail(&why, SN_ENOMEM, "plots: out of memory");
    free(made->text);
    if (status == SN_ENOMEM) {
        *err = why;
        return status;
    }
    if (status == SN_ENOINPUT) {
        snprintf(plots->missing, sizeof plots->missing,
                 "gnuplot is not installed here");
    } else if (status != SN_OK) {
        memcpy(plots->missing, why.message, sizeof plots->missing);
    }
    return SN_OK;
}

/* A column of the epochs: its offset in a row, a factor, name and colour. */
typedef struct curve {
    size_t offset;
    double factor;
    const char *name, *colour;
} curve;

static double value_of(const sn_epoch_row *row, const curve *drawn)
{
    double value;
    memcpy(&value, (const char *)row + drawn->offset, sizeof value);
    return drawn->factor * value;
}

/* How many values of a curve are finite, the least and the greatest of them. */
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

/* Every point of count finite ones, or every second, third, ... and the last. */
static void write_points(FILE *out, const sn_report *report, const curve *drawn,
                         size_t count)
{
    const size_t every = (count + MOST_POINTS - 1) / MOST_POINTS;
    size_t point = 0;
    for (size_t i = 0; i < report->epoch_count; i++) {
        const sn_epoch_row *row = &report->epochs[i];
        const double value = value_of(row, drawn);
        if (isfinite(value) && (point++ % every == 0 || point == count)) {
            fprintf(out, "%" PRId64 " %.9g\n", row->epoch, value);
        }
    }
}

/* Curves over the epochs on one pair of axes, from zero or, where they span decades and
 * may, on a logarithmic one.  *svg stays NULL where there are none. */
static sn_status draw_curves(const sn_report *report, const char *name,
                             const char *label, const curve *curves, size_t count,
                             bool decades, char **svg, sn_report_plots *plots,
                             sn_error *err)
{
    static const double wide = 20; /* a ratio that is worth a logarithmic axis */
    script made;
    double least = INFINITY, most = -INFINITY;
    size_t points[MOST_CURVES];
    for (size_t c = 0; c < count; c++) {
        points[c] = find_range(report, &curves[c], &least, &most);
    }
    if (!(least <= most)) {
        return SN_OK;
    }
    if (!begin(&made, name, 300)) {
        return sn_fail(err, SN_ENOMEM, "plots: out of memory");
    }
    fprintf(made.out, "set xlabel 'epoch'\nset ylabel '%s'\n", label);
    if (report->epoch_count == 1) {
        fprintf(made.out, "set xrange [0:2]\nset xtics 1\n");
    }
    if (decades && least > 0 && most > wide * least) {
        fprintf(made.out, "set logscale y\n");
    } else {
        fprintf(made.out, "set yrange [0:%.9g]\n", most > 0 ? 1.05 * most : 1);
    }
    for (size_t c = 0; c < count; c++) {
        if (points[c] > 0) {
            fprintf(made.out, "$curve%zu << END\n", c);
            write_points(made.out, report, &curves[c], points[c]);
            fprintf(made.out, "END\n");
        }
    }
    const char *separator = "plot";
    for (size_t c = 0; c < count; c++) {
        if (points[c] > 0) {
            fprintf(made.out,
                    "%s $curve%zu using 1:2 with %s lw 1.8 lc rgb '%s' title '%s'",
                    separator, c,
                    report->epoch_count <= MOST_MARKED ? "linespoints pt 7 ps 0.4"
                                                       : "lines",
                    curves[c].colour, curves[c].name);
            separator = ",";
        }
    }
    fputc('\n', made.out);
    return finish(&made, name, svg, plots, err);
}

/* One bar: the seconds of a rank and epoch, wait taken out of reduce. */
static void write_bar(FILE *out, size_t position, const sn_report_times *parts)
{
    fprintf(out, "%zu %.9g %.9g %.9g %.9g %.9g\n", position, parts->gather,
            parts->compute, parts->update, parts->reduce - parts->wait, parts->wait);
}

static void write_bars(FILE *out, const sn_report *report, bool by_host)
{
    const size_t count = by_host ? report->host_count : report->rank_count;
    const size_t every = (count + MOST_TICKS - 1) / MOST_TICKS;
    fprintf(out, "set xtics (");
    for (size_t i = 0; i < count; i += every) {
        fprintf(out, "%s'%" PRId64 "' %zu", i > 0 ? ", " : "",
                by_host ? (int64_t)i + 1 : report->ranks[i].rank, i);
    }
    fprintf(out, ")\n$parts << END\n");
    for (size_t i = 0; i < count; i++) {
        write_bar(out, i, by_host ? &report->hosts[i].times : &report->ranks[i].times);
    }
    fprintf(out, "END\n");
}

static sn_status draw_parts(const sn_report *report, sn_report_plots *plots,
                            sn_error *err)
{
    static const char *const parts[] = {"gather", "compute", "update", "reduce",
                                        "wait"};
    static const char *const colours[] = {GREY, BLUE, GREEN, RED, AMBER};
    enum { PARTS = sizeof parts / sizeof parts[0] };
    const bool by_host = report->rank_count > MOST_BARS;
    script made;
    if (report->rank_count == 0) {
        return SN_OK;
    }
    if (!begin(&made, "parts", 300)) {
        return sn_fail(err, SN_ENOMEM, "plots: out of memory");
    }
    fprintf(made.out,
            "set xlabel '%s'\nset ylabel 'seconds an epoch'\nset yrange [0:*]\n"
            "set xrange [-0.7:%zu-0.3]\nset style fill solid noborder\n"
            "set boxwidth %s\n",
            by_host ? "host, as numbered below" : "rank",
            by_host ? report->host_count : report->rank_count,
            report->rank_count <= 4 ? "0.3" : "0.7");
    write_bars(made.out, report, by_host);
    /* stacked: the highest sum first, the lower ones over it */
    for (int top = PARTS; top >= 1; top--) {
        fprintf(made.out, "%s $parts using 1:($2", top == PARTS ? "plot" : ",");
        for (int part = 2; part <= top; part++) {
            fprintf(made.out, "+$%d", part + 1);
        }
        fprintf(made.out, ") with boxes lc rgb '%s' title '%s'", colours[top - 1],
                parts[top - 1]);
    }
    fputc('\n', made.out);
    return finish(&made, "parts", &plots->parts, plots, err);
}

#define CURVE(member, factor, name, colour)                                            \
    {                                                                                  \
        offsetof(sn_epoch_row, member), factor, name, colour                           \
    }

sn_status sn_report_draw(const sn_report *report, sn_report_plots *plots, sn_error *err)
{
    static const curve losses[] = {CURVE(train_loss, 1, "training", BLUE),
                                   CURVE(validation_loss, 1, "validation", AMBER),
                                   CURVE(test_loss, 1, "test", RED)};
    static const curve errors[] = {CURVE(train_error, 100, "training", BLUE),
                                   CURVE(validation_error, 100, "validation", AMBER),
                                   CURVE(test_error, 100, "test", RED)};
    static const curve rates[] = {CURVE(learning_rate, 1, "learning rate", GREEN)};
    *plots = (sn_report_plots){NULL};
    sn_status status = draw_curves(report, "loss", "loss, nats", losses, MOST_CURVES,
                                   true, &plots->loss, plots, err);
    if (status == SN_OK && plots->missing[0] == '\0') {
        status = draw_curves(report, "error", "error, %", errors, MOST_CURVES, true,
                             &plots->error, plots, err);
    }
    if (status == SN_OK && plots->missing[0] == '\0') {
        status = draw_curves(report, "rate", "learning rate", rates, 1, false,
                             &plots->rate, plots, err);
    }
    if (status == SN_OK && plots->missing[0] == '\0') {
        status = draw_parts(report, plots, err);
    }
    return status;
}

void sn_report_plots_clear(sn_report_plots *plots)
{
    free(plots->loss);
    free(plots->error);
    free(plots->rate);
    free(plots->parts);
    *plots = (sn_report_plots){NULL};
}
