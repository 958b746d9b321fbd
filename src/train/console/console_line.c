/* SPDX-License-Identifier: BSD-3-Clause */
/* sn_console_step: the line of a step, which a person on a terminal watches. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/text/number.h"
#include "train/console/console.h"

enum { LINE_BYTES = 256 };

/* Returns the number of steps that this invocation is to run, unless the validation
 * error, a signal or the time ends it earlier. */
static int64_t last_step(const sn_config *config, const sn_cursor *cursor,
                         int64_t first_step)
{
    const int64_t all = config->train_epochs * cursor->steps_per_epoch;
    const int64_t allowed = first_step + config->train_max_steps;
    return config->train_max_steps > 0 && allowed < all ? allowed : all;
}

/* Returns the columns of the terminal: a longer line would continue on the next one. */
static size_t columns_of(FILE *out)
{
    enum { USUAL = 80 };
    struct winsize size;
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col
                                                                         : USUAL;
}

SN_PRINTF(2, 3)
static void append(char line[LINE_BYTES], const char *format, ...)
{
    const size_t used = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, LINE_BYTES - used, format, arguments);
    va_end(arguments);
}

/* Appends a duration such as 0:07 or 2:05:00. */
static void append_time(char line[LINE_BYTES], double seconds)
{
    const int64_t all = (int64_t)(seconds + 0.5);
    const int64_t hours = all / 3600, minutes = all / 60 % 60, rest = all % 60;
    if (hours > 0) {
        append(line, "%" PRId64 ":%02" PRId64 ":%02" PRId64, hours, minutes, rest);
    } else {
        append(line, "%" PRId64 ":%02" PRId64, minutes, rest);
    }
}

/* Appends speed and times. */
static void append_pace(char line[LINE_BYTES], const sn_config *config,
                        const sn_pace *pace, int64_t done, int64_t left)
{
    const double elapsed = pace->now - pace->begun, rate = (double)done / elapsed;
    append(line, "  %.0f images/s  reduce %.0f %%  ",
           rate * (double)config->train_batch, 100 * pace->reduce_share);
    append_time(line, elapsed);
    append(line, ", ");
    append_time(line, (double)left / rate);
    append(line, " left");
}

void sn_console_step(sn_console *console, const sn_config *config,
                     const sn_cursor *cursor, const sn_pace *pace, double loss)
{
    static const double interval = 0.5, least_seconds = 1;
    FILE *out = console->out;
    char line[LINE_BYTES] = "", number[SN_NUMBER_BYTES];
    if (!console->live || pace->now - console->last_line < interval) {
        return;
    }
    const sn_position *p = &cursor->position;
    const int64_t last = last_step(config, cursor, pace->first_step);
    append(line,
           "epoch %" PRId64 "/%" PRId64 "  step %" PRId64 "/%" PRId64
           " (%.0f %%)  loss %s  error %.2f %%",
           sn_position_epoch(p), config->train_epochs, p->step, last,
           100 * (double)p->step / (double)last, sn_number_text(loss, 4, number),
           100 * (1 - (double)p->epoch_correct / (double)p->epoch_samples));
    if (pace->step_seconds >= least_seconds) {
        append_pace(line, config, pace, p->step - pace->first_step, last - p->step);
    }
    fprintf(out, "\r\033[K%.*s", (int)columns_of(out) - 1, line);
    fflush(out);
    console->last_line = pace->now;
}
