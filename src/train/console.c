#include "train/console.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <unistd.h>

#include "nn/products/gemm.h"
#include "shardnet/version.h"
#include "store/paths.h"

static FILE *stream(const sn_state *state)
{
    return state->rank == 0 && !state->options->quiet ? state->options->out : NULL;
}

/* mpirun puts a terminal of its own between rank 0 and what may be a file, so the
 * parent's output is asked too. */
bool sn_console_is_live(FILE *out)
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

static void clear_line(const sn_state *state, FILE *out)
{
    if (state->live) {
        fputs("\r\033[K", out);
    }
}

void sn_console_model(FILE *out, const sn_network *model)
{
    fprintf(out, "%zu", model->input);
    for (size_t l = 0; l < model->layers; l++) {
        fprintf(out, "-%zu", model->layer[l].out);
    }
    fprintf(out, ", %s, %zu parameters\n",
            model->layers == 1
                ? "softmax"
                : sn_config_choice_name("model", "activation", (int)model->activation),
            model->parameters);
}

static void print_backend(FILE *out, const sn_state *state)
{
    const sn_backend backend = state->workspace.backend;
    const double *seconds = state->tuned.backend;
    fprintf(out, "blas     %s", sn_gemm_library(backend));
    if (seconds[backend] > 0) {
        fprintf(out, " (auto: products %.3g ms with openblas, %.3g ms with onednn)",
                1e3 * seconds[SN_BACKEND_OPENBLAS], 1e3 * seconds[SN_BACKEND_ONEDNN]);
    }
    fputc('\n', out);
    if (state->rounded != NULL) {
        fprintf(out, "factors  bf16 in steps (%s), sums fp32; fp32 in evaluation\n",
                sn_precision_means((sn_precision)state->config.compute_precision));
    }
}

/* The plain reduction is mentioned only where it was measured. */
static void print_reduce(FILE *out, const sn_state *state)
{
    const double *seconds = state->tuned.reduce;
    const char *before = " (auto: gradient and sum";
    char text[128];
    sn_reduction_describe(state->reduction, text, sizeof text);
    if (seconds[0] == 0 &&
        sn_reduction_of(state->config.comm_reduce) == sn_reduction_of(SN_REDUCE_AUTO)) {
        return;
    }
    fprintf(out, "reduce   %s", text);
    for (int k = 0; k < SN_REDUCE_AUTO; k++) {
        if (seconds[k] > 0) {
            fprintf(out, "%s %s %.3g ms", before, sn_reduction_of(k)->name,
                    1e3 * seconds[k]);
            before = ",";
        }
    }
    fputs(seconds[0] > 0 ? ")\n" : "\n", out);
}

void sn_console_header(const sn_state *state)
{
    FILE *out = stream(state);
    if (out == NULL) {
        return;
    }
    const sn_dataset *data = &state->loaded.data;
    const int nodes = sn_comm_node_count(state->comm);
    fprintf(out, "shardnet %s\n", sn_version());
    fprintf(
        out,
        "ranks    %d on %d node%s, %d thread%s a rank (%d core%s in the affinity mask "
        "of rank 0, %d on its node)\n",
        state->size, nodes, nodes == 1 ? "" : "s", state->threads,
        state->threads == 1 ? "" : "s", state->cores.mask_cores,
        state->cores.mask_cores == 1 ? "" : "s", state->cores.node_cores);
    print_backend(out, state);
    print_reduce(out, state);
    if (state->config.data_source == SN_SOURCE_SYNTHETIC) {
        fprintf(out,
                "data     synthetic digits drawn by the program: this is NOT MNIST\n");
    }
    fprintf(out,
            "data     %zu training, %zu validation, %zu test images of %zu x %zu, %zu "
            "classes%s\n",
            data->train.count, data->validation.count, data->test.count, data->rows,
            data->cols, data->classes,
            sn_node_memory_shared(state->loaded.memory) ? ", one copy a node" : "");
    fputs("model    ", out);
    sn_console_model(out, &state->model);
    if (state->config.optimizer_scale_from_batch > 0) {
        fprintf(out, "rate     %g, scaled from batch %" PRId64 " to %" PRId64 "\n",
                state->schedule.rate, state->config.optimizer_scale_from_batch,
                state->config.train_batch);
    }
    if (isfinite(state->job_seconds)) {
        fprintf(out,
                "limit    the job ends %.0f s from its start here; training stops "
                "%.0f s before, or more where a checkpoint takes long\n",
                state->job_seconds, state->job_seconds - state->stop_seconds);
    }
    if (state->resumed) {
        fprintf(out, "resume   %s: epoch %" PRId64 ", step %" PRId64 "\n",
                state->checkpoint, state->progress.epoch, state->progress.step);
    }
    if (state->changes[0] != '\0') {
        fprintf(out, "changed  %s\n", state->changes);
    }
    fflush(out);
}

void sn_console_step(sn_state *state, double now, double loss)
{
    static const double interval = 0.5;
    FILE *out = stream(state);
    if (out == NULL || !state->live || now - state->last_line < interval) {
        return;
    }
    const sn_position *p = &state->progress;
    const double done = (double)(p->step - state->first_step);
    const double total =
        (double)(state->config.train_epochs * state->steps_per_epoch - p->step);
    const double elapsed = now - state->loop_started;
    fprintf(out,
            "\r\033[Kepoch %" PRId64 "/%" PRId64 "  step %" PRId64
            "  loss %.4f  %.0f images/s  %.0f s left",
            p->epoch + 1, state->config.train_epochs, p->step, loss,
            done * (double)state->config.train_batch / elapsed, total / done * elapsed);
    fflush(out);
    state->last_line = now;
}

static void print_error(FILE *out, const char *name, double error)
{
    if (!isnan(error)) {
        fprintf(out, "  %s %.2f %%", name, 100 * error);
    }
}

void sn_console_epoch(const sn_state *state, const sn_epoch_row *row)
{
    FILE *out = stream(state);
    const int64_t every = state->config.train_report_every;
    if (out == NULL || (row->epoch % every != 0 && row->epoch != 1 &&
                        row->epoch != state->config.train_epochs)) {
        return;
    }
    clear_line(state, out);
    fprintf(out, "epoch %" PRId64 "/%" PRId64 "  step %" PRId64 "  loss %.6f",
            row->epoch, state->config.train_epochs, row->step, row->train_loss);
    print_error(out, "train error", row->train_error);
    print_error(out, "validation error", row->validation_error);
    print_error(out, "test error", row->test_error);
    fprintf(out, "  %.0f images/s  %.2f s\n", row->samples_per_second, row->seconds);
    fflush(out);
}

void sn_console_warn(const sn_state *state, const char *format, ...)
{
    FILE *out = state->options->warnings;
    if (state->rank != 0 || out == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    fputs("shardnet: warning: ", out);
    vfprintf(out, format, arguments);
    fputc('\n', out);
    va_end(arguments);
    fflush(out);
}

/* Where the time of a step of this invocation went, on rank 0. */
static void print_step(FILE *out, const sn_state *state)
{
    const sn_profile *p = &state->run_phases;
    const double steps = (double)(state->progress.step - state->first_step);
    const double total = sn_profile_total(p);
    if (steps > 0 && total > 0) {
        fprintf(out,
                "step     %.3g ms: gather %.0f %%, forward %.0f %%, backward %.0f %%, "
                "reduce %.0f %%, update %.0f %% (rank 0)\n",
                1e3 * total / steps, 100 * p->gather / total, 100 * p->forward / total,
                100 * p->backward / total, 100 * p->reduce / total,
                100 * p->update / total);
    }
}

/* The slowest rank, where waiting for it cost a share that matters. */
static void print_slowest(FILE *out, const sn_state *state)
{
    static const double matters = 0.05;
    const double total = sn_profile_total(&state->run_phases);
    double mean = 0;
    int slowest = 0;
    for (int r = 0; r < state->size; r++) {
        mean += state->busy[r].seconds / state->size;
        if (state->busy[r].seconds > state->busy[slowest].seconds) {
            slowest = r;
        }
    }
    const sn_busy *busy = &state->busy[slowest];
    const double cost = busy->seconds - mean;
    if (cost > matters * total) {
        fprintf(
            out,
            "slowest  rank %d on %s: %.2f s for its gradients, where the mean of all "
            "ranks is %.2f s; waiting for it cost %.2f s, %.0f %% of the training "
            "time\n",
            slowest, busy->host, busy->seconds, mean, cost, 100 * cost / total);
    }
}

void sn_console_result(const sn_state *state, const sn_train_result *result,
                       bool best_restored)
{
    FILE *out = state->rank == 0 ? state->options->out : NULL;
    if (out == NULL) {
        return;
    }
    clear_line(state, out);
    if (best_restored) {
        fprintf(out, "best     epoch %" PRId64 ", validation error %.2f %%\n",
                state->progress.best_epoch, 100 * state->progress.best_error);
    }
    if (result->test_count > 0) {
        const double accuracy =
            100.0 * (double)result->test_correct / (double)result->test_count;
        fprintf(out,
                "test     accuracy %.2f %%, error %.2f %% (%" PRId64 " of %" PRId64
                " correct), loss %.6f%s\n",
                accuracy, 100 - accuracy, result->test_correct, result->test_count,
                result->test_loss,
                state->config.data_source == SN_SOURCE_SYNTHETIC
                    ? "; synthetic, not MNIST"
                    : "");
    }
    fprintf(out, "time     %.2f s, of which training %.2f s; %.0f images/s\n",
            result->seconds, result->train_seconds, result->samples_per_second);
    if (!state->options->quiet) {
        print_step(out, state);
        print_slowest(out, state);
    }
    if (sn_writer_count(state->writer) > 0) {
        fprintf(out,
                "store    %" PRId64
                " checkpoints written beside training, which waited "
                "%.3f s for them\n",
                sn_writer_count(state->writer), sn_writer_stall_seconds(state->writer));
    }
    fprintf(out,
            "files    %s: " SN_CONFIG_FILE ", " SN_METRICS_FILE
            "; newest checkpoint %s\n",
            state->options->run, state->checkpoint);
    fflush(out);
}
