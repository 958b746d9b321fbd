#include "cli/print/plan.h"

#include <inttypes.h>

static const double mib = 1 << 20;

enum { TITLE = -1 };

/* A line of the table and its value in one column. */
typedef struct line {
    const char *name; /* NULL after the last line */
    int digits;       /* significant ones; 0 for a whole number, TITLE for no value */
    double value;
} line;

/* node is the title of the lines on memory of a node. */
static line line_of(size_t index, const sn_plan_base *base,
                    const sn_plan_column *column, const char *node)
{
    const sn_plan *plan = &column->plan;
    const line lines[] = {
        {"ranks", 0, plan->ranks},
        {"largest slice, images", 0, (double)plan->largest},
        {"smallest slice, images", 0, (double)plan->smallest},
        {"\nmemory of a rank, MiB", TITLE, 0},
        {"  parameters", 4, (double)plan->parameters / mib},
        {"  velocities", 4, (double)plan->velocities / mib},
        {"  gradients, message", 4, (double)plan->message / mib},
        {"  activations", 4, (double)plan->activations / mib},
        {"  batch", 4, (double)plan->batch / mib},
        {"  together", 4, (double)plan->rank_bytes / mib},
        {"rank 0 besides, for checkpoints, MiB", TITLE, 0},
        {"  copy of the state", 4, (double)plan->copy / mib},
        {"  file, while it is written", 4, (double)plan->file / mib},
        {node, TITLE, 0},
        {"  data set, one copy", 4, (double)base->data_bytes / mib},
        {"  all of it", 4, (double)plan->node_bytes / mib},
        {"\npredicted time of a step, ms", TITLE, 0},
        {"  compute", 3, 1e3 * plan->compute_seconds},
        {"  gather", 3, 1e3 * plan->gather_seconds},
        {"  sum", 3, 1e3 * plan->sum_seconds},
        {"  sum behind compute", 3, 1e3 * plan->hidden_seconds},
        {"  update", 3, 1e3 * plan->update_seconds},
        {"  together", 3, 1e3 * plan->step_seconds},
        {"compute, GFLOP/s a rank", 3, column->rates.flops_per_second * 1e-9},
        {"seconds an epoch", 3, (double)base->updates * plan->step_seconds},
        {"images/s", 3, (double)base->batch / plan->step_seconds},
        {NULL, TITLE, 0}};
    return lines[index];
}

static void print_base(FILE *out, const sn_plan_base *base)
{
    fputs("model        ", out);
    sn_config_print_network(&base->model, out);
    fprintf(
        out,
        "data         %zu of %zu training images to train on, %zu test, %zu x %zu%s\n",
        base->train_count, base->data.train_count, base->data.test_count,
        base->data.rows, base->data.cols,
        base->data_assumed ? "; assumed, no files found" : "");
    fprintf(out, "updates      %" PRId64 " an epoch of up to %" PRId64 " images\n",
            base->updates, base->batch);
    fprintf(out, "a step       %.4g GFLOP in products, a message of %.0f bytes\n",
            1e-9 * base->flops, base->message_bytes);
    fprintf(out, "checkpoint   about %.4g MB on the disk; %" PRId64 " are kept%s\n",
            1e-6 * (double)base->checkpoint_bytes, base->config.checkpoint_keep,
            base->config.checkpoint_keep_best && base->config.data_validation > 0
                ? ", and best.h5"
                : "");
}

static void print_rates(FILE *out, const sn_plan_column *first)
{
    const sn_plan_rates *rates = &first->rates;
    fprintf(out,
            "rates        %d thread%s a rank; compute %s, memory %.3g GB/s %s; network "
            "between nodes %.3g us, %.3g Gbit/s\n\n",
            rates->threads, rates->threads == 1 ? "" : "s",
            first->flops_measured ? "measured here" : "as given",
            1e-9 * rates->memory_per_second,
            first->memory_measured ? "measured here" : "as given",
            1e6 * rates->latency_seconds, 8e-9 * rates->bytes_per_second);
}

static void print_notes(FILE *out, const sn_plan_base *base,
                        const sn_plan_column *columns, size_t count)
{
    const sn_config *config = &base->config;
    for (size_t c = 0; c < count; c++) {
        const sn_plan *plan = &columns[c].plan;
        if (plan->empty > 0) {
            fprintf(out,
                    "note         %d ranks: %d of them have no image in a batch of "
                    "%" PRId64 "; use fewer ranks or a larger batch\n",
                    plan->ranks, plan->empty, base->batch);
        } else if (plan->last_batch < plan->ranks) {
            fprintf(out,
                    "note         %d ranks: the last batch of an epoch has %" PRId64
                    " images, some ranks have none of them\n",
                    plan->ranks, plan->last_batch);
        }
        if (plan->refused) {
            fprintf(out,
                    "note         %d ranks: more than comm.leaves = %" PRId64
                    ", which train refuses\n",
                    plan->ranks, config->comm_leaves);
        }
    }
    if (config->augment_kind != SN_AUGMENT_NONE) {
        fprintf(out, "note         distortions are not in these times; see gather in "
                     "`shardnet bench`\n");
    }
    const sn_precision precision = (sn_precision)config->compute_precision;
    sn_error why = {""};
    if (precision != SN_PRECISION_FP32 &&
        sn_precision_check(precision, &why) != SN_OK) {
        fprintf(out, "note         compute is measured in fp32: bf16 needs %s\n",
                why.message);
    }
    if (config->comm_reduce == SN_REDUCE_AUTO) {
        fprintf(out, "note         comm.reduce = auto is planned as %s\n",
                sn_reduction_of(SN_REDUCE_AUTO)->name);
    }
}

void sn_plan_print(FILE *out, const sn_plan_base *base, const sn_plan_column *columns,
                   size_t count)
{
    char node[80];
    line at;
    snprintf(node, sizeof node, "its node, with about %d MiB for each process, MiB",
             SN_PLAN_PROCESS_MIB);
    print_base(out, base);
    print_rates(out, columns);
    for (size_t l = 0; (at = line_of(l, base, columns, node)).name != NULL; l++) {
        fprintf(out, at.digits == TITLE ? "%s" : "%-28s", at.name);
        for (size_t c = 0; at.digits != TITLE && c < count; c++) {
            const double value = line_of(l, base, &columns[c], node).value;
            if (at.digits == 0 || value >= 1e5) {
                fprintf(out, " %10.0f", value);
            } else {
                fprintf(out, " %10.*g", at.digits, value);
            }
        }
        fputc('\n', out);
    }
    print_notes(out, base, columns, count);
}
