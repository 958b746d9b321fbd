/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the sections on the network: predictions for the test set, first layer. */
#include <inttypes.h>
#include <math.h>

#include "cli/report/html.h"
#include "cli/report/network.h"
#include "cli/report/order.h"
#include "eval/evaluate.h"

/* The side of a picture in CSS pixels: three times that of MNIST, four per row on a
 * narrow screen. */
enum { SIDE = 84, MATRIX_SIDE = 512, MAX_CLASSES = 256, MAX_CLASS_ROWS = 32 };

void sn_report_network_write_rules(FILE *out, const sn_report_network *network)
{
    sn_tiles_write_rule(out, &network->pictures, "picture", SIDE);
    sn_tiles_write_rule(out, &network->matrix, "matrix", MATRIX_SIDE);
    sn_tiles_write_rule(out, &network->weights, "unit", SIDE);
}

/* Writes a cell of the confusion matrix: wrong counts in orange, by the square root of
 * their share of the largest one. */
static void write_count(FILE *out, int64_t count, bool right, int64_t most)
{
    if (right) {
        fprintf(out, "<td class=\"right\">%" PRId64 "</td>", count);
    } else if (count == 0) {
        fputs("<td class=\"zero\">0</td>", out);
    } else {
        fprintf(out, "<td class=\"wrong\" style=\"--heat:%.3f\">%" PRId64 "</td>",
                0.06 + 0.64 * sqrt((double)count / (double)most), count);
    }
}

static void write_table(FILE *out, const sn_mistakes *found)
{
    const size_t classes = found->classes;
    const int64_t most = sn_confusion_most(found->confusion, classes);
    fprintf(out,
            "<div class=\"wide\"><table class=\"confusion\">\n<thead><tr><td></td>"
            "<th colspan=\"%zu\">predicted</th></tr>\n<tr><th>true</th>",
            classes);
    for (size_t j = 0; j < classes; j++) {
        fprintf(out, "<th scope=\"col\">%zu</th>", j);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < classes; i++) {
        fprintf(out, "<tr><th scope=\"row\">%zu</th>", i);
        for (size_t j = 0; j < classes; j++) {
            write_count(out, found->confusion[i * classes + j], i == j, most);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void write_matrix(FILE *out, const sn_report_network *network)
{
    const sn_mistakes *found = &network->mistakes;
    fputs("<h3>Confusion matrix</h3>\n", out);
    if (network->matrix.png == NULL) {
        write_table(out, found);
    } else {
        sn_tiles_write(out, &network->matrix, "matrix", 0,
                       "confusion matrix as a heat map");
    }
    fputs("<p class=\"quiet\">Number of images of each true class (rows, from the top) "
          "with each prediction (columns). The more wrong predictions a cell counts, "
          "the stronger is its orange; right predictions are blue.",
          out);
    if (network->matrix.png != NULL) {
        fputs(" <code>shardnet eval --confusion</code> prints the numbers.", out);
    }
    fputs("</p>\n", out);
}

/* Returns the wrong prediction that the samples of a class get most often. */
static size_t find_rival(const sn_mistakes *found, size_t truth)
{
    const int64_t *row = found->confusion + truth * found->classes;
    size_t rival = truth == 0 && found->classes > 1 ? 1 : 0;
    for (size_t j = 0; j < found->classes; j++) {
        rival = j != truth && row[j] > row[rival] ? j : rival;
    }
    return rival;
}

static void write_class(FILE *out, const sn_mistakes *found, const sn_ordered *class,
                        double worst)
{
    const size_t i = class->index;
    const int64_t *row = found->confusion + i * found->classes;
    const int64_t count = sn_confusion_samples(found->confusion, found->classes, i);
    const size_t rival = find_rival(found, i);
    fprintf(out,
            "<tr><th scope=\"row\">%zu</th><td>%" PRId64 "</td><td>%" PRId64 "</td>", i,
            count, count - row[i]);
    sn_html_cell(out, count > 0 ? 100 * class->value : NAN, 2);
    fprintf(out, "<td class=\"bar\"><i style=\"width:%.1f%%\"></i></td>",
            worst > 0 && count > 0 ? 100 * class->value / worst : 0);
    if (rival != i && row[rival] > 0) {
        fprintf(out,
                "<td class=\"text\">%zu <span class=\"quiet\">(%" PRId64
                "&times;)</span></td></tr>\n",
                rival, row[rival]);
    } else {
        fputs("<td class=\"text\">&ndash;</td></tr>\n", out);
    }
}

static void write_classes(FILE *out, const sn_mistakes *found)
{
    sn_ordered classes[MAX_CLASSES]; /* labels are bytes */
    const size_t count = found->classes < MAX_CLASSES ? found->classes : MAX_CLASSES;
    for (size_t i = 0; i < count; i++) {
        const double error = sn_confusion_error(found->confusion, found->classes, i);
        classes[i] = (sn_ordered){i, isnan(error) ? -1 : error};
    }
    sn_order(classes, count);
    const size_t shown = count < MAX_CLASS_ROWS ? count : MAX_CLASS_ROWS;
    fputs("<h3>Error per class</h3>\n<div class=\"wide\"><table>\n<thead><tr>"
          "<th>class</th><th>images</th><th>wrong</th><th>error %</th>"
          "<th class=\"bar\"></th><th class=\"text\">most often taken for</th></tr>"
          "</thead>\n<tbody>\n",
          out);
    for (size_t i = 0; i < shown; i++) {
        write_class(out, found, &classes[i], classes[0].value);
    }
    fputs("</tbody></table></div>\n", out);
    if (shown < count) {
        fprintf(out,
                "<p class=\"quiet\">The table shows the %zu classes of %zu with the "
                "highest error.</p>\n",
                shown, count);
    }
}

static void write_mistakes(FILE *out, const sn_report_network *network)
{
    const sn_mistakes *found = &network->mistakes;
    if (found->listed == 0) {
        return;
    }
    fprintf(
        out,
        "<h3>Worst mistakes</h3>\n<p class=\"quiet\">The %zu wrong predictions with "
        "the highest probability: true class, prediction and its probability, and "
        "the number of the image in the test set, from 0.</p>\n"
        "<div class=\"tiles\">\n",
        found->listed);
    for (size_t i = 0; i < found->listed; i++) {
        const sn_mistake *made = &found->worst[i];
        char label[128];
        snprintf(label, sizeof label, "image %zu of class %zu", made->sample,
                 made->truth);
        fputs("<figure>", out);
        sn_tiles_write(out, &network->pictures, "picture", i, label);
        fprintf(out,
                "<figcaption><b>%zu</b> &rarr; <b class=\"bad\">%zu</b><br>%.2f&nbsp;%%"
                "<br><span class=\"quiet\">no. %zu</span></figcaption></figure>\n",
                made->truth, made->predicted, 100 * made->probability, made->sample);
    }
    fputs("</div>\n", out);
}

static void write_predictions(FILE *out, const sn_report_network *network)
{
    const sn_mistakes *found = &network->mistakes;
    fputs("<h2>Predictions for the test set</h2>\n", out);
    if (found->confusion == NULL) {
        sn_html_words(out,
                      "<p>This page has no predictions: ", network->no_mistakes.message,
                      ".</p>\n");
        return;
    }
    fprintf(
        out,
        "<p>The network of the result classifies %" PRId64 " of %" PRId64
        " images wrongly, %.2f&nbsp;%%.</p>\n",
        found->count - found->correct, found->count,
        100 * (1 - (double)found->correct / (double)found->count)); /* as in metrics */
    if (network->notice.message[0] != '\0') {
        sn_html_words(out, "<p class=\"quiet\">", network->notice.message, ".</p>\n");
    }
    write_matrix(out, network);
    write_classes(out, found);
    write_mistakes(out, network);
}

static void write_weights(FILE *out, const sn_report_network *network)
{
    fputs("<h2>Weights of the first layer</h2>\n<p class=\"quiet\">", out);
    if (network->tiles == 0) {
        fputs("No pictures: the training images are missing, and only they have the "
              "size of an image; give their folder with --data DIR.</p>\n",
              out);
        return;
    }
    fputs("One tile per unit, "
          "a pixel per input: orange weights are positive, blue ones negative, and the "
          "largest of all is the strongest. ",
          out);
    if (network->tiles < network->units) {
        fprintf(out,
                "These are the %zu of %zu units whose weights have the largest "
                "Euclidean norm, in the order of this norm.",
                network->tiles, network->units);
    } else {
        fputs("Units are in the order of the Euclidean norm of their weights.", out);
    }
    fputs("</p>\n<div class=\"tiles\">\n", out);
    for (size_t i = 0; i < network->tiles; i++) {
        char label[64];
        snprintf(label, sizeof label, "weights of unit %zu", network->unit[i]);
        fputs("<figure>", out);
        sn_tiles_write(out, &network->weights, "unit", i, label);
        fprintf(out, "<figcaption class=\"quiet\">unit %zu</figcaption></figure>\n",
                network->unit[i]);
    }
    fputs("</div>\n", out);
}

void sn_report_network_write(FILE *out, const sn_report_network *network)
{
    if (!network->loaded) {
        if (network->no_network.message[0] != '\0') {
            sn_html_words(out,
                          "<h2>Predictions for the test set</h2>\n<p>This page has no "
                          "predictions: ",
                          network->no_network.message, ".</p>\n");
        }
        return;
    }
    write_predictions(out, network);
    write_weights(out, network);
}
