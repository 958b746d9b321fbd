/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/predict/doubts.h"

#include <stdio.h>

#include "data/image/shapes.h"

/* Below this probability the other classes together are more probable.  This is so for
 * 78 of MNIST's 10,000 test images after 10 epochs of configs/article.ini; the network
 * classifies 32 of these 78 images correctly. */
static const double unsure_below = 0.5;

static const struct {
    int bit;
    const char *name, *text;
} warnings[] = {
    {SN_DOUBT_TWO_SHAPES, "two shapes",
     "it seems to show two; give one digit per picture"},
    {SN_DOUBT_FRAME, "frame",
     "ink lies along its edges; cut off the frame, or add a margin"},
    {SN_DOUBT_UNSURE, "unsure", "no class has a probability of 0.5; check the result"},
};

enum { WARNINGS = sizeof warnings / sizeof warnings[0] };

sn_status sn_doubts_find(const char *path, const sn_images *images, size_t index,
                         const sn_prediction *found, int known, int *doubts,
                         sn_error *err)
{
    sn_shapes shapes;
    const sn_status status =
        sn_shapes_find(images->pixels + index * images->rows * images->cols,
                       images->rows, images->cols, &shapes, err);
    if (status != SN_OK) {
        return status;
    }
    *doubts = known | (shapes.two ? SN_DOUBT_TWO_SHAPES : 0) |
              (shapes.frame ? SN_DOUBT_FRAME : 0) |
              (found->best_probability < unsure_below ? SN_DOUBT_UNSURE : 0);
    for (int i = 0; i < WARNINGS && images->kind != SN_IMAGE_IDX; i++) {
        if ((*doubts & warnings[i].bit) != 0) {
            fprintf(stderr, "shardnet: warning: %s (%s): %s\n", warnings[i].name, path,
                    warnings[i].text);
        }
    }
    return SN_OK;
}

void sn_doubts_print(int doubts)
{
    const char *separator = "";
    for (int i = 0; i < WARNINGS; i++) {
        if ((doubts & warnings[i].bit) != 0) {
            printf("%s\"%s\"", separator, warnings[i].name);
            separator = ", ";
        }
    }
}
