/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/console/console.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/text/number.h"
#include "nn/products/gemm.h"
#include "shardnet/version.h"

/* Returns true if a person watches out.  mpirun gives rank 0 a terminal even if its own
 * output is a file, so the output of the parent must be a terminal too. */
static bool is_live(FILE *out)
{
    if (out == NULL || !isatty(fileno(out))) {
        return false;
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/1", (long)getppid());
    int parent = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (parent < 0) {
        return false;
    }
    const bool live = isatty(parent) != 0;
    close(parent);
    return live;
}

sn_console sn_console_open(int rank, FILE *out, FILE *warnings, bool quiet)
{
    if (rank != 0) {
        return (sn_console){.out = NULL};
    }
    return (sn_console){.out = quiet ? NULL : out,
                        .results = out,
                        .warnings = warnings,
                        .live = !quiet && is_live(out)};
}

void sn_console_clear_line(const sn_console *console)
{
    if (console->live) {
        fputs("\r\033[K", console->results);
        fflush(console->results);
    }
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static void print_products(FILE *out, const sn_engine *e)
{
    fprintf(out, "blas     %s\n", sn_gemm_library(e->replica.workspace.backend));
    if (e->replica.weights_bf16 != NULL) {
        fprintf(out, "operands bf16 in steps (%s), sums fp32; fp32 in evaluation\n",
                sn_precision_method((sn_precision)e->config.compute_precision));
    }
}

/* Prints nothing if there is nothing to reduce. */
static void print_reduction(FILE *out, const sn_engine *e)
{
    char text[128];
    if (e->context.size > 1 || e->config.comm_reduce != SN_REDUCE_AUTO) {
        sn_reduction_describe(e->reduction, text, sizeof text);
        fprintf(out, "reduce   %s%s\n", text, e->reduction_chosen ? " (auto)" : "");
    }
}

static void print_data(FILE *out, const sn_config *config, const sn_loaded *loaded)
{
    const sn_dataset *data = &loaded->data;
    if (config->data_source == SN_SOURCE_SYNTHETIC) {
        fputs("data     synthetic digits drawn by the program: this is NOT MNIST\n",
              out);
    }
    fprintf(out,
            "data     %zu training, %zu validation, %zu test images of %zu x %zu, %zu "
            "classes%s\n",
            data->train.count, data->validation.count, data->test.count, data->rows,
            data->cols, data->classes,
            loaded->memory.parts > 1 ? ", one copy per node" : "");
}

void sn_console_header(const sn_console *console, const sn_engine *engine)
{
    FILE *out = console->out;
    const sn_context *context = &engine->context;
    const sn_config *config = &engine->config;
    if (out == NULL) {
        return;
    }
    const int nodes = sn_comm_node_count(context->comm);
    const sn_node_cores *cores = &context->cores;
    fprintf(out, "shardnet %s\n", sn_version());
    fprintf(out,
            "ranks    %d on %d node%s, %d thread%s per rank (%d core%s in the affinity "
            "mask of rank 0, %d on its node)\n",
            context->size, nodes, plural(nodes), context->threads,
            plural(context->threads), cores->mask_cores, plural(cores->mask_cores),
            cores->node_cores);
    print_products(out, engine);
    print_reduction(out, engine);
    print_data(out, config, &engine->loaded);
    fputs("model    ", out);
    sn_config_print_network(&engine->replica.network, out);
    fputs(engine->replica.memory.parts > 1 ? ", one copy per node\n" : "\n", out);
    if (config->optimizer_scale_from_batch > 0) {
        fprintf(out, "rate     %g, scaled from batch %" PRId64 " to %" PRId64 "\n",
                sn_config_schedule(config).rate, config->optimizer_scale_from_batch,
                config->train_batch);
    }
    if (config->train_average > 0) {
        fprintf(out,
                "average  of the weights, decay %g per update; evaluated and saved\n",
                config->train_average);
    }
    fflush(out);
}

void sn_console_start(const sn_console *console, const sn_deadline *deadline,
                      const char *checkpoint, const sn_position *position,
                      const char *changes)
{
    FILE *out = console->out;
    if (out == NULL) {
        return;
    }
    if (isfinite(deadline->job_seconds)) {
        fprintf(out,
                "limit    the job ends %.0f s after this start; training stops %.0f s "
                "earlier, or more if a checkpoint takes long\n",
                deadline->job_seconds, deadline->job_seconds - deadline->stop_seconds);
    }
    if (checkpoint != NULL) {
        fprintf(out, "resume   %s: epoch %" PRId64 ", step %" PRId64 "\n", checkpoint,
                sn_position_epoch(position), position->step);
    }
    if (changes[0] != '\0') {
        fprintf(out, "changed  %s\n", changes);
    }
    fflush(out);
}

static void print_error(FILE *out, const char *name, double error)
{
    if (!isnan(error)) {
        fprintf(out, "  %s %.2f %%", name, 100 * error);
    }
}

void sn_console_epoch(const sn_console *console, const sn_config *config,
                      const sn_epoch_row *row)
{
    FILE *out = console->out;
    char number[SN_NUMBER_BYTES];
    if (out == NULL || (row->epoch % config->train_report_every != 0 &&
                        row->epoch != 1 && row->epoch != config->train_epochs)) {
        return;
    }
    sn_console_clear_line(console);
    fprintf(out, "epoch %" PRId64 "/%" PRId64 "  step %" PRId64 "  loss %s", row->epoch,
            config->train_epochs, row->step,
            sn_number_text(row->train_loss, 6, number));
    print_error(out, "train error", row->train_error);
    print_error(out, "validation error", row->validation_error);
    print_error(out, "test error", row->test_error);
    fprintf(out, "  %.0f images/s  %.2f s\n", row->samples_per_second, row->seconds);
    fflush(out);
}

void sn_console_warn(void *user, const char *format, ...)
{
    const sn_console *console = user;
    FILE *out = console->warnings;
    if (out == NULL) {
        return;
    }
    sn_console_clear_line(console);
    va_list arguments;
    va_start(arguments, format);
    fputs("shardnet: warning: ", out);
    vfprintf(out, format, arguments);
    fputc('\n', out);
    va_end(arguments);
    fflush(out);
}

void sn_console_result(const sn_console *console, const sn_config *config,
                       const sn_train_result *result, const sn_ending *ending)
{
    FILE *out = console->results;
    char number[SN_NUMBER_BYTES];
    if (out == NULL) {
        return;
    }
    sn_console_clear_line(console);
    fprintf(out, "end      %s\nresult   %s\n", ending->reason, ending->checkpoint);
    if (ending->best != NULL) {
        fprintf(out, "best     epoch %" PRId64 ", validation error %.2f %%\n",
                ending->best->best_epoch, 100 * ending->best->best_error);
    }
    if (result->test_count > 0) {
        const double accuracy =
            100.0 * (double)result->test_correct / (double)result->test_count;
        fprintf(out,
                "test     accuracy %.2f %%, error %.2f %% (%" PRId64 " of %" PRId64
                " correct), loss %s%s\n",
                accuracy, 100 - accuracy, result->test_correct, result->test_count,
                sn_number_text(result->test_loss, 6, number),
                config->data_source == SN_SOURCE_SYNTHETIC ? "; synthetic, not MNIST"
                                                           : "");
    }
    fprintf(out, "time     %.2f s, of which training %.2f s", result->seconds,
            result->train_seconds);
    if (result->train_seconds > 0) {
        fprintf(out, "; %.0f images/s", result->samples_per_second);
    }
    fputc('\n', out);
}

/* Prints the slowest rank if waiting for it cost a considerable share of the time. */
static void print_slowest(FILE *out, double total, const sn_busy *busy, int ranks)
{
    static const double considerable = 0.05;
    double mean = 0;
    int slowest = 0;
    for (int r = 0; r < ranks; r++) {
        mean += busy[r].seconds / ranks;
        slowest = busy[r].seconds > busy[slowest].seconds ? r : slowest;
    }
    const double cost = busy[slowest].seconds - mean;
    if (cost > considerable * total) {
        fprintf(out,
                "slowest  rank %d on %s: %.2f s for its gradients, mean of all ranks "
                "%.2f s; waiting for it cost %.2f s, %.0f %% of the "
                "training time\n",
                slowest, busy[slowest].host, busy[slowest].seconds, mean, cost,
                100 * cost / total);
    }
}

void sn_console_profile(const sn_console *console, const sn_profile *profile,
                        int64_t steps, const sn_busy *busy, int ranks)
{
    FILE *out = console->out;
    const double total = sn_profile_total(profile);
    if (out != NULL && steps > 0 && total > 0) {
        fprintf(out,
                "step     %.3g ms: gather %.0f %%, forward %.0f %%, backward %.0f %%, "
                "reduce %.0f %%, update %.0f %% (rank 0)\n",
                1e3 * total / (double)steps, 100 * profile->gather / total,
                100 * profile->forward / total, 100 * profile->backward / total,
                100 * profile->reduce / total, 100 * profile->update / total);
    }
    if (out != NULL && busy != NULL) {
        print_slowest(out, total, busy, ranks);
    }
}
