#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "shardnet/file.h"
#include "shardnet/metrics.h"

#define SEE_HELP "see `shardnet metrics --help`"

static const char help_text[] =
    "usage: shardnet metrics RUN [--csv] [--table epochs|steps|ranks]\n"
    "\n"
    "Prints the epochs of a run as an aligned table.  RUN is the run's folder or its\n"
    "file metrics.h5.\n"
    "    --csv         comma-separated values with every column, numbers exact, empty\n"
    "                  where nothing was measured\n"
    "    --table NAME  which table --csv prints: epochs (default), steps or ranks\n";

typedef struct options {
    const char *target, *table;
    bool csv;
} options;

static void print_number(double value, int decimals)
{
    if (isnan(value)) {
        printf(" %9s", "-");
    } else {
        printf(" %9.*f", decimals, value);
    }
}

static sn_status print_epochs(const char *path, sn_error *err)
{
    sn_epoch_row *rows;
    size_t count;
    sn_status status = sn_metrics_read_epochs(path, &rows, &count, err);
    if (status != SN_OK) {
        return status;
    }
    printf("epoch       step      rate      loss   train %%   valid %%    test %%   "
           "seconds samples/s\n");
    for (size_t i = 0; i < count; i++) {
        const sn_epoch_row *row = &rows[i];
        printf("%5" PRId64 " %10" PRId64 " %9.3g", row->epoch, row->step,
               row->learning_rate);
        print_number(row->train_loss, 5);
        print_number(100 * row->train_error, 2);
        print_number(100 * row->validation_error, 2);
        print_number(100 * row->test_error, 2);
        print_number(row->seconds, 2);
        print_number(row->samples_per_second, 0);
        printf("\n");
    }
    free(rows);
    return SN_OK;
}

static sn_status parse(int argc, char **argv, options *chosen, sn_error *err)
{
    static const char table[] = "--table";
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--csv") == 0) {
            chosen->csv = true;
        } else if (strcmp(word, table) == 0) {
            if (++i == argc) {
                return sn_fail(err, SN_EUSAGE,
                               "option without a value (%s): epochs, steps or ranks "
                               "must follow; " SEE_HELP,
                               word);
            }
            chosen->table = argv[i];
        } else if (strncmp(word, table, strlen(table)) == 0 &&
                   word[strlen(table)] == '=') {
            chosen->table = word + strlen(table) + 1;
        } else if (word[0] == '-') {
            return sn_fail(
                err, SN_EUSAGE,
                "unknown option (%s): metrics has --csv and --table; " SEE_HELP, word);
        } else if (chosen->target != NULL) {
            return sn_fail(err, SN_EUSAGE,
                           "too many arguments (%s): metrics takes one run; " SEE_HELP,
                           word);
        } else {
            chosen->target = word;
        }
    }
    return SN_OK;
}

static sn_status check(const options *chosen, sn_error *err)
{
    static const char *const tables[] = {"epochs", "steps", "ranks"};
    bool known = false;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        known = known || strcmp(chosen->table, tables[i]) == 0;
    }
    if (!known) {
        return sn_fail(
            err, SN_EUSAGE,
            "unknown table (--table %s): choose epochs, steps or ranks; " SEE_HELP,
            chosen->table);
    }
    if (!chosen->csv && strcmp(chosen->table, tables[0]) != 0) {
        return sn_fail(err, SN_EUSAGE,
                       "table without --csv (--table %s): add --csv, only epochs are "
                       "printed aligned; " SEE_HELP,
                       chosen->table);
    }
    if (chosen->target == NULL) {
        return sn_fail(
            err, SN_EUSAGE,
            "missing argument (metrics): it needs the folder of a run; " SEE_HELP);
    }
    return SN_OK;
}

sn_status sn_cmd_metrics(int argc, char **argv, sn_error *err)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help_text, stdout);
            return SN_OK;
        }
    }
    options chosen = {.table = "epochs"};
    sn_status status = parse(argc, argv, &chosen, err);
    if (status == SN_OK) {
        status = check(&chosen, err);
    }
    char joined[SN_PATH_BYTES];
    const char *path = chosen.target;
    if (status == SN_OK && sn_is_folder(path)) {
        status = sn_path_join(joined, path, "metrics.h5", err);
        path = joined;
    }
    if (status == SN_OK) {
        status = chosen.csv ? sn_metrics_write_csv(path, chosen.table, stdout, err)
                            : print_epochs(path, err);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == SN_OK) {
        status = sn_fail(err, SN_EIO, "cannot write to standard output");
    }
    return status;
}
