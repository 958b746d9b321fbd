#include "cli/print/plan.h"

#include <inttypes.h>

static const double mib = 1 << 20;

/* A line of the table: its name and what it takes from a column. */
typedef struct line {
    const char *name;
    double (*value)(const sn_plan_base *base, const sn_plan_column *column);
    int digits; /* that tell */
} line;

#define LINE_OF(function, expression)                                                  \
    static double function(const sn_plan_base *base, const sn_plan_column *c)          \
    {                                                                                  \
        (void)base, (void)c;                                                           \
        return (expression);                                                           \
    }

LINE_OF(ranks, c->plan.ranks)
LINE_OF(largest, (double)c->plan.largest)
LINE_OF(smallest, (double)c->plan.smallest)
LINE_OF(parameters, (double)c->plan.parameters / mib)
LINE_OF(velocities, (double)c->plan.velocities / mib)
LINE_OF(message, (double)c->plan.message / mib)
LINE_OF(activations, (double)c->plan.activations / mib)
LINE_OF(batch, (double)c->plan.batch / mib)
LINE_OF(rank_all, (double)c->plan.rank_bytes / mib)
LINE_OF(copy, (double)c->plan.copy / mib)
LINE_OF(file, (double)c->plan.file / mib)
LINE_OF(node_data, (double)base->data_bytes / mib)
LINE_OF(node_all, (double)c->plan.node_bytes / mib)
LINE_OF(rate, c->rates.flops_per_second * 1e-9)
LINE_OF(compute, 1e3 * c->plan.compute_seconds)
LINE_OF(gather, 1e3 * c->plan.gather_seconds)
LINE_OF(sum, 1e3 * c->plan.sum_seconds)
LINE_OF(hidden, 1e3 * c->plan.hidden_seconds)
LINE_OF(update, 1e3 * c->plan.update_seconds)
LINE_OF(step, 1e3 * c->plan.step_seconds)
LINE_OF(epoch, (double)base->updates * c->plan.step_seconds)
LINE_OF(speed, (double)base->batch / c->plan.step_seconds)

static const line head[] = {{"ranks", ranks, 0}};
static const line slices[] = {{"largest slice, images", largest, 0},
                              {"smallest slice, images", smallest, 0}};
static const line memory[] = {{"  parameters", parameters, 4},
                              {"  velocities", velocities, 4},
                              {"  gradients, message", message, 4},
                              {"  activations", activations, 4},
                              {"  batch", batch, 4},
                              {"  together", rank_all, 4}};
static const line rank_0[] = {{"  copy of the state", copy, 4},
                              {"  file, while it is written", file, 4}};
static const line node[] = {{"  data set, one copy", node_data, 4},
                            {"  all of it", node_all, 4}};
static const line times[] = {
    {"  compute", compute, 3}, {"  gather", gather, 3},
    {"  sum", sum, 3},         {"  sum behind compute", hidden, 3},
    {"  update", update, 3},   {"  together", step, 3}};
static const line speeds[] = {{"compute, GFLOP/s a rank", rate, 3},
                              {"seconds an epoch", epoch, 3},
                              {"images/s", speed, 3}};

static void print_lines(FILE *out, const sn_plan_base *base,
                        const sn_plan_column *columns, size_t count, const line *lines,
                        size_t line_count)
{
    for (size_t l = 0; l < line_count; l++) {
        fprintf(out, "%-28s", lines[l].name);
        for (size_t c = 0; c < count; c++) {
            const double value = lines[l].value(base, &columns[c]);
            if (lines[l].digits == 0 || value >= 1e5) {
                fprintf(out, " %10.0f", value);
            } else {
                fprintf(out, " %10.*g", lines[l].digits, value);
            }
        }
        fputc('\n', out);
    }
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

#define LINES(table) table, sizeof table / sizeof table[0]

void sn_plan_print(FILE *out, const sn_plan_base *base, const sn_plan_column *columns,
                   size_t count)
{
    print_base(out, base);
    print_rates(out, columns);
    print_lines(out, base, columns, count, LINES(head));
    print_lines(out, base, columns, count, LINES(slices));
    fprintf(out, "\nmemory of a rank, MiB\n");
    print_lines(out, base, columns, count, LINES(memory));
    fprintf(out, "rank 0 besides, for checkpoints, MiB\n");
    print_lines(out, base, columns, count, LINES(rank_0));
    fprintf(out, "its node, with about %d MiB for each process, MiB\n",
            SN_PLAN_PROCESS_MIB);
    print_lines(out, base, columns, count, LINES(node));
    fprintf(out, "\npredicted time of a step, ms\n");
    print_lines(out, base, columns, count, LINES(times));
    print_lines(out, base, columns, count, LINES(speeds));
    print_notes(out, base, columns, count);
}
