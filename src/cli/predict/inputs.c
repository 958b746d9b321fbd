/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/predict/inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/job.h"
#include "data/image/prepare.h"

sn_status sn_inputs_init(sn_inputs *inputs, sn_model *model, const char *data_dir,
                         bool as_is, sn_error *err)
{
    sn_error notice = {""}, printed = {""};
    sn_model *m = model;
    do {
        const sn_status status = sn_model_find_size(m, data_dir, &notice, err);
        if (status != SN_OK) {
            return status;
        }
        if (strcmp(notice.message, printed.message) != 0) {
            sn_job_warn(&notice);
            printed = notice;
        }
        m = m->next;
    } while (m != NULL);
    *inputs = (sn_inputs){.model = model, .size = model->size, .as_is = as_is};
    return SN_OK;
}

/* Checks that the model's image size is known, which a picture needs. */
static sn_status need_size(sn_inputs *inputs, sn_error *err)
{
    if (inputs->size.rows == 0) {
        return sn_fail(err, SN_EDATA,
                       "image size unknown (%s): the model has %zu inputs, which is no "
                       "square, and its training images are missing in %s; give their "
                       "folder with --data DIR, or an IDX file",
                       inputs->model->found.path, sn_model_input(inputs->model),
                       inputs->model->spec.dir);
    }
    if (!inputs->size.recorded && !inputs->warned) {
        inputs->warned = true;
        fprintf(stderr,
                "shardnet: warning: image size (%s): assuming %zu x %zu, because the "
                "model's training images are missing in %s\n",
                inputs->model->found.path, inputs->size.rows, inputs->size.cols,
                inputs->model->spec.dir);
    }
    return SN_OK;
}

static sn_status check_size(const sn_inputs *inputs, const char *path,
                            const sn_images *images, sn_error *err)
{
    const sn_image_size *size = &inputs->size;
    const bool compares = size->recorded || images->kind != SN_IMAGE_IDX;
    const bool fits =
        compares ? images->rows == size->rows && images->cols == size->cols
                 : images->rows * images->cols == sn_model_input(inputs->model);
    if (fits) {
        return SN_OK;
    }
    char wanted[64];
    if (size->rows > 0) {
        snprintf(wanted, sizeof wanted, "%zu x %zu", size->rows, size->cols);
    } else {
        snprintf(wanted, sizeof wanted, "%zu pixels", sn_model_input(inputs->model));
    }
    return sn_fail(err, SN_EDATA,
                   "wrong image size (%s): %zu x %zu, but the model needs %s; %s", path,
                   images->rows, images->cols, wanted,
                   images->kind == SN_IMAGE_IDX ? "give pictures (PNG, JPEG, PGM)"
                                                : "leave out --as-is");
}

/* Converts the picture in images to the size and form of the model's images; *edge is
 * true if ink lies along its edges. */
static sn_status prepare(const sn_inputs *inputs, const char *path, sn_images *images,
                         bool *edge, sn_error *err)
{
    const size_t rows = inputs->size.rows, cols = inputs->size.cols;
    uint8_t *made = sn_alloc(rows * cols, 1);
    if (made == NULL) {
        return sn_fail(err, SN_ENOMEM, "not enough memory (%s)", path);
    }
    const sn_status status = sn_prepare(path, images->pixels, images->rows,
                                        images->cols, made, rows, cols, edge, err);
    free(images->pixels);
    images->rows = rows;
    images->cols = cols;
    images->pixels = made;
    return status;
}

sn_status sn_inputs_read(sn_inputs *inputs, const char *path, sn_images *images,
                         bool *edge, sn_error *err)
{
    *edge = false;
    sn_status status = strcmp(path, "-") == 0
                           ? sn_image_read_stream(stdin, "standard input", images, err)
                           : sn_image_read(path, images, err);
    if (status == SN_OK && images->kind != SN_IMAGE_IDX) {
        status = need_size(inputs, err);
    }
    if (status == SN_OK) {
        status = images->kind == SN_IMAGE_IDX || inputs->as_is
                     ? check_size(inputs, path, images, err)
                     : prepare(inputs, path, images, edge, err);
    }
    return status;
}
