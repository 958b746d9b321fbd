/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the man page of the program, shardnet.1, from the tables of commands, options,
 * keys and exit codes.  The build runs this generator; it is not installed. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "config/keys.h"
#include "shardnet/version.h"
#include "store/paths.h"

/* One entry: a name and its description. */
typedef struct entry {
    const char *name, *text;
} entry;

static const entry files[] = {
    {"RUN/" SN_CONFIG_FILE,
     "The effective configuration of the run. `train` can read it as CONFIG."},
    {"RUN/" SN_METRICS_FILE, "HDF5 file with the tables /epochs, /steps and /ranks."},
    {"RUN/" SN_CHECKPOINTS_FOLDER "/" SN_STEP_PREFIX "NNNNNNNN" SN_H5_SUFFIX,
     "HDF5 checkpoint after step NNNNNNNN. The newest checkpoint.keep files stay."},
    {"RUN/" SN_CHECKPOINTS_FOLDER "/" SN_BEST_FILE,
     "The checkpoint with the lowest validation error, if data.validation > 0."},
    {"RUN/" SN_CHECKPOINTS_FOLDER "/*." SN_ABANDONED,
     "Later checkpoints, moved aside when a run resumed from an earlier step. The "
     "program never removes them."},
    {"RUN/*." SN_OLD ", RUN/" SN_METRICS_FILE "." SN_DAMAGED,
     "Files that a new run found in its folder; metrics that HDF5 cannot read."},
    {"RUN/" SN_LOCK_FILE, "Lock of the run folder: one job at a time writes to it."},
    {"RUN/" SN_REPORT_FILE, "The page that `report` writes."},
    {NULL, NULL}};

static const entry variables[] = {
    {"SHARDNET_DATA",
     "Folder of the four IDX files; the default of data.dir. `eval` and `predict` use it "
     "if data.dir of a checkpoint is missing and the training samples are the same."},
    {"SHARDNET_END_TIME, SLURM_JOB_END_TIME",
     "End of the batch job, in seconds since 1970; Slurm sets the second one. `train` "
     "stops before this time with a checkpoint and exit code 75."},
    {"OMPI_COMM_WORLD_SIZE, PMI_SIZE, SLURM_STEP_NUM_TASKS",
     "Number of tasks of the job, with the related variables of mpirun, hydra and srun "
     "for the number of this task and the tasks of its node. The program refuses a job "
     "whose tasks MPI does not connect."},
    {"OMPI_MCA_mpi_yield_when_idle, MPIR_CVAR_DEVICE_COLLECTIVES",
     "Settings of Open MPI and MPICH. If one is not set and a node has more ranks than "
     "cores, the program sets it to 1 or, in a job on one node, to none."},
    {"OMPI_MCA_btl_vader_single_copy_mechanism",
     "Setting of Open MPI 4. If it is not set and the ranks cannot read the memory of "
     "each other, as in many containers, the program sets it to none."},
    {"OMP_WAIT_POLICY",
     "With `passive`, loops use all threads even if OpenBLAS has threads of its own."},
    {"PATH", "Search path for curl (`data fetch`) and gnuplot (`report`)."},
    {NULL, NULL}};

static const entry examples[] = {
    {"shardnet data fetch mnist", "Download MNIST to the folder mnist."},
    {"mpirun -n 4 shardnet train article.ini --set data.dir=mnist --out run",
     "Train on 4 ranks."},
    {"mpirun -n 2 shardnet train article.ini --set data.dir=mnist --out run --resume",
     "Resume the run, here on 2 ranks."},
    {"shardnet metrics run --follow", "Print the metrics while the job runs."},
    {"shardnet eval run", "Print loss and accuracy of the result."},
    {"shardnet predict run digit.png", "Print the class of an image."},
    {NULL, NULL}};

/* Writes text for roff: special characters escaped, `word` in bold. */
static void write_text(FILE *out, const char *text)
{
    bool bold = false, starts = true;
    for (; *text != '\0'; text++) {
        if (starts && (*text == '.' || *text == '\'')) {
            fputs("\\&", out);
        }
        starts = *text == '\n';
        switch (*text) {
        case '`':
            bold = !bold;
            fputs(bold ? "\\fB" : "\\fR", out);
            break;
        case '\\':
            fputs("\\e", out);
            break;
        case '-':
            fputs("\\-", out);
            break;
        case '^':
            fputs("\\(ha", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

/* Writes the paragraphs of a command's text; a line that begins with a blank is not
 * wrapped. */
static void write_paragraphs(FILE *out, const char *text)
{
    bool verbatim = false;
    while (*text != '\0') {
        const size_t length = strcspn(text, "\n");
        char *line = strndup(text, length);
        if (line == NULL) {
            exit(EXIT_FAILURE);
        }
        if (verbatim != (*line == ' ')) {
            verbatim = !verbatim;
            fputs(verbatim ? ".PP\n.nf\n" : ".fi\n.PP\n", out);
        }
        if (length == 0) {
            fputs(".PP\n", out);
        } else {
            write_text(out, line);
            fputc('\n', out);
        }
        free(line);
        text += length + (text[length] == '\n');
    }
    fputs(verbatim ? ".fi\n" : "", out);
}

/* Writes a name in bold and its description below it. */
static void write_entry(FILE *out, const char *name, const char *text)
{
    fputs(".TP\n\\fB", out);
    write_text(out, name);
    fputs("\\fR\n", out);
    write_text(out, text);
    fputc('\n', out);
}

static void write_entries(FILE *out, const char *title, const entry *entries)
{
    fprintf(out, ".SH %s\n", title);
    for (; entries->name != NULL; entries++) {
        write_entry(out, entries->name, entries->text);
    }
}

/* Writes the usage of a command; a line break inside [] is not allowed. */
static void write_usage(FILE *out, const sn_command *command)
{
    char *usage = NULL;
    size_t bytes;
    FILE *text = open_memstream(&usage, &bytes);
    if (text == NULL) {
        exit(EXIT_FAILURE);
    }
    sn_help_print_usage(text, command, INT_MAX);
    if (fclose(text) != 0) {
        exit(EXIT_FAILURE);
    }
    const size_t name = strlen("usage: shardnet ") + strlen(command->name);
    fprintf(out, ".SY \"shardnet %s\"\n", command->name);
    int depth = 0;
    for (const char *c = usage + name + 1; *c != '\0'; c++) {
        depth += (*c == '[') - (*c == ']');
        fputs(*c == '-' ? "\\-" : *c == ' ' && depth > 0 ? "\\ " : "", out);
        if (*c != '-' && (*c != ' ' || depth == 0)) {
            fputc(*c, out);
        }
    }
    fputs(".YS\n", out);
    free(usage);
}

static void write_options(FILE *out, const sn_command *command)
{
    char name[160];
    for (const sn_option *o = command->options; o->name != NULL; o++) {
        sn_help_spell_option(o, true, name, sizeof name);
        write_entry(out, name, o->help);
    }
}

static void write_command(FILE *out, const sn_command *command)
{
    fprintf(out, ".SS shardnet %s\n", command->name);
    write_paragraphs(out, command->text);
    for (const sn_operand *o = command->operands; o->name != NULL; o++) {
        write_entry(out, o->name, o->help);
    }
    write_options(out, command);
}

/* Calls write for each command; a group stands for its commands. */
static void each_command(FILE *out, const sn_command *group,
                         void (*write)(FILE *out, const sn_command *command))
{
    for (const sn_command *const *c = group->commands; *c != NULL; c++) {
        if ((*c)->run != NULL) {
            write(out, *c);
        } else {
            each_command(out, *c, write);
        }
    }
}

static void write_keys(FILE *out)
{
    const char *section = "";
    fputs(".SH CONFIGURATION\nA configuration is an INI file with sections, keys and "
          "comments:\n.PP\n.nf\n    [train]\n    epochs = 30   ; a comment\n.fi\n"
          ".PP\nEach key below is shown with its default, its type or range, and its "
          "meaning.\n",
          out);
    for (const sn_key *key = sn_keys; key->section != NULL; key++) {
        if (strcmp(key->section, section) != 0) {
            section = key->section;
            fprintf(out, ".SS [%s]\n", section);
        }
        fprintf(out, ".TP\n\\fB%s\\fR = %s    ", key->name, key->default_text);
        sn_key_print_range(out, key);
        fputc('\n', out);
        write_text(out, key->help);
        fputc('\n', out);
    }
}

/* Writes the exit codes in ascending order, each with the texts of its statuses. */
static void write_exit_codes(FILE *out)
{
    fputs(".SH EXIT STATUS\n", out);
    for (int code = 0; code < 128; code++) {
        const char *before = "";
        for (sn_status status = SN_OK; status < SN_STATUS_COUNT; status++) {
            if (sn_status_exit_code(status) == code) {
                if (*before == '\0') {
                    fprintf(out, ".TP\n\\fB%d\\fR\n", code);
                }
                fputs(before, out);
                write_text(out, sn_status_text(status));
                before = "; ";
            }
        }
        fputs(*before != '\0' ? "\n" : "", out);
    }
    fputs(".PP\nAfter 75, which is also the end of a job that hangs, run the command "
          "again with \\fB\\-\\-resume\\fR.  After 76, the last good checkpoint is "
          "kept.  "
          "An error is one line on standard error, from one rank.\n",
          out);
}

static void write_page(FILE *out)
{
    fprintf(out, ".TH SHARDNET 1 \"\" \"shardnet %s\" \"User Commands\"\n", SN_VERSION);
    /* no hyphenation, no justification: names of keys and options stay whole */
    fputs(".nr HY 0\n.ad l\n.SH NAME\nshardnet \\- ", out);
    write_text(out, sn_program.summary);
    fputs("\n.SH SYNOPSIS\n", out);
    each_command(out, &sn_program, write_usage);
    fputs(".SH DESCRIPTION\n", out);
    write_paragraphs(out, sn_program.text);
    fputs(".SH OPTIONS\n", out);
    write_options(out, &sn_program);
    write_entry(out, "-h, --help", "print the help of the program or of a command");
    fputs(".SH COMMANDS\n", out);
    each_command(out, &sn_program, write_command);
    write_keys(out);
    write_entries(out, "FILES", files);
    write_entries(out, "ENVIRONMENT", variables);
    write_exit_codes(out);
    write_entries(out, "EXAMPLES", examples);
    fputs(".SH SEE ALSO\n.BR mpirun (1),\n.BR srun (1),\n.BR h5dump (1),\n"
          ".BR gnuplot (1),\n.BR curl (1)\n",
          out);
}

int main(int argc, char **argv)
{
    FILE *out = argc == 2 ? fopen(argv[1], "w") : NULL;
    if (out == NULL) {
        fputs("usage: shardnet_man FILE\n", stderr);
        return EXIT_FAILURE;
    }
    write_page(out);
    const bool failed = ferror(out) != 0;
    return fclose(out) != 0 || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
