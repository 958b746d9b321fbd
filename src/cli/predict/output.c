/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/predict/output.h"

#include <stdio.h>

#include "base/text/utf8.h"
#include "cli/predict/doubts.h"

static void print_name(const char *name)
{
    for (; *name != '\0'; name++) {
        putchar((unsigned char)*name < ' ' || *name == 127 ? '?' : *name);
    }
}

void sn_output_header(const sn_output *output)
{
    fputs("file\tindex\tclass\tprobability\tsecond_class\tsecond_probability", stdout);
    for (size_t j = 0; output->probabilities != NULL && j < output->classes; j++) {
        printf("\tprobability_%zu", j);
    }
    putchar('\n');
}

/* Prints the probabilities of all classes of an image, if they are wanted. */
static void print_probabilities(const sn_output *output, size_t image,
                                const char *separator)
{
    const size_t classes = output->classes;
    for (size_t j = 0; output->probabilities != NULL && j < classes; j++) {
        printf("%s%.6f", j > 0 || !output->json ? separator : "",
               (double)output->probabilities[image * classes + j]);
    }
}

static void print_json(const sn_output *output, const char *path, size_t index,
                       size_t image, const sn_prediction *found, int doubts)
{
    fputs("{\"file\": ", stdout);
    sn_json_print_string(stdout, path);
    printf(", \"index\": %zu, \"class\": %zu, \"probability\": %.6f"
           ", \"second_class\": %zu, \"second_probability\": %.6f",
           index, found->best, found->best_probability, found->second,
           found->second_probability);
    if (output->probabilities != NULL) {
        fputs(", \"probabilities\": [", stdout);
        print_probabilities(output, image, ", ");
        putchar(']');
    }
    fputs(", \"warnings\": [", stdout);
    sn_doubts_print(doubts);
    puts("]}");
}

static void print_line(const sn_output *output, const char *path, size_t index,
                       size_t image, const sn_prediction *found)
{
    print_name(path);
    printf("\t%zu\t%zu\t%.6f\t%zu\t%.6f", index, found->best, found->best_probability,
           found->second, found->second_probability);
    print_probabilities(output, image, "\t");
    putchar('\n');
}

void sn_output_print(const sn_output *output, const char *path, size_t index,
                     size_t image, const sn_prediction *found, int doubts)
{
    if (output->json) {
        print_json(output, path, index, image, found, doubts);
    } else {
        print_line(output, path, index, image, found);
    }
}
