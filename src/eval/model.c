/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/system/locale.h"
#include "config/config.h"
#include "data/width.h"
#include "dist/node/node.h"
#include "eval/evaluate.h"
#include "eval/loader.h"
#include "eval/moved.h"
#include "eval/vote.h"
#include "nn/products/gemm.h"
#include "shardnet/version.h"

static sn_status read_file(const char *path, void *user, sn_error *err)
{
    sn_model *model = user;
    return sn_loader_read_model(path, &model->info, &model->network, &model->parameters,
                                err);
}

/* Sets the data set that the configuration in the checkpoint names, and the size of its
 * images.  Ignores unknown keys of another version of the program and sets a notice. */
static sn_status read_spec(sn_model *model, sn_error *err)
{
    const sn_checkpoint_info *info = &model->info;
    sn_config config;
    sn_error why;
    sn_config_init(&config);
    sn_status status = sn_config_parse(&config, info->config_text, "stored", &why);
    if (status == SN_ECONFIG) {
        status = SN_OK;
        (void)sn_fail(&model->notice, SN_OK,
                      "checkpoint (%s): written by shardnet %s, with a configuration "
                      "that shardnet %s does not fully support (%s); unknown keys "
                      "ignored",
                      model->found.path, info->program_version, sn_version(),
                      why.message);
        const int source = sn_config_choice_value("data", "source", info->data_source);
        config.data_source = source >= 0 ? source : config.data_source;
    } else if (status != SN_OK) {
        *err = why;
    }
    model->spec = sn_config_dataset(&config);
    model->size = sn_dataset_image_size(&model->spec, model->network.input);
    return status;
}

/* Broadcasts everything except info and notice from rank 0. */
static sn_status broadcast(sn_comm *comm, sn_model *model, sn_error *err)
{
    sn_status status =
        sn_loader_broadcast_model(comm, &model->network, &model->parameters, err);
    if (status == SN_OK) {
        status = sn_comm_broadcast(comm, model->found.path, sizeof model->found.path, 0,
                                   err);
    }
    if (status == SN_OK) {
        status = sn_comm_broadcast(comm, &model->spec, sizeof model->spec, 0, err);
    }
    return status == SN_OK
               ? sn_comm_broadcast(comm, &model->size, sizeof model->size, 0, err)
               : status;
}

sn_status sn_model_load(sn_comm *comm, const char *path, sn_model **model,
                        sn_error *err)
{
    SN_LOCALE_C();
    return sn_model_load_choice(comm, path, NULL, model, err);
}

sn_status sn_model_load_choice(sn_comm *comm, const char *path, const char *choice,
                               sn_model **out, sn_error *err)
{
    sn_model *model = calloc(1, sizeof *model);
    sn_status status =
        model == NULL ? sn_fail(err, SN_ENOMEM, "model: out of memory") : SN_OK;
    if (status == SN_OK && (comm == NULL || sn_comm_rank(comm) == 0)) {
        status = sn_target_result(path, choice, read_file, model, &model->found, err);
        if (status == SN_OK) {
            status = read_spec(model, err);
        }
    }
    if (comm != NULL) {
        status = sn_comm_agree(comm, status, err);
        if (status == SN_OK) {
            status = broadcast(comm, model, err);
        }
    }
    if (status != SN_OK) {
        sn_model_destroy(&model);
    }
    *out = model;
    return status;
}

void sn_model_destroy(sn_model **out)
{
    sn_model *model = *out;
    if (model != NULL) {
        sn_model_destroy(&model->next);
        sn_predictor_clear(&model->predictor);
        sn_network_clear(&model->network);
        free(model->parameters);
        free(model);
        *out = NULL;
    }
}

size_t sn_model_input(const sn_model *model)
{
    return model->network.input;
}

size_t sn_model_classes(const sn_model *model)
{
    return model->network.classes;
}

size_t sn_model_members(const sn_model *committee)
{
    size_t count = 0;
    for (const sn_model *m = committee; m != NULL; m = m->next) {
        count++;
    }
    return count;
}

const char *sn_model_path(const sn_model *model)
{
    return model->found.path;
}

/* Collective if data_dir is NULL and comm is not. */
static sn_status choose_folder(sn_comm *comm, const sn_model *model,
                               const char *data_dir, sn_dataset_spec *spec,
                               sn_error *notice, sn_error *err)
{
    *spec = model->spec;
    if (data_dir == NULL && comm == NULL) {
        return sn_moved_find(&model->info, spec, notice, err);
    }
    if (data_dir == NULL) {
        sn_status status = SN_OK;
        if (sn_comm_rank(comm) == 0) {
            status = sn_moved_find(&model->info, spec, notice, err);
        }
        status = sn_comm_agree(comm, status, err);
        return status == SN_OK ? sn_comm_broadcast(comm, spec, sizeof *spec, 0, err)
                               : status;
    }
    if (strlen(data_dir) >= sizeof spec->dir) {
        return sn_fail(err, SN_EUSAGE, "data folder: path too long");
    }
    strcpy(spec->dir, data_dir);
    if (spec->source == SN_SOURCE_SYNTHETIC) {
        spec->source = SN_SOURCE_IDX;
    }
    return SN_OK;
}

sn_status sn_model_find_size(sn_model *model, const char *data_dir, sn_error *notice,
                             sn_error *err)
{
    sn_dataset_spec spec;
    sn_error why;
    if (model->spec.source != SN_SOURCE_IDX ||
        (data_dir == NULL && model->size.recorded)) {
        return SN_OK;
    }
    const sn_status status = choose_folder(NULL, model, data_dir, &spec, notice, &why);
    if (status == SN_OK) {
        model->spec = spec;
        model->size = sn_dataset_image_size(&spec, model->network.input);
    } else if (status != SN_ENOINPUT) {
        *err = why;
        return status;
    }
    return SN_OK;
}

/* Members normalize the images themselves.  The test set of another folder does not
 * depend on the number of its training samples. */
static void adapt_spec(sn_dataset_spec *spec, const char *data_dir, sn_split_name name)
{
    spec->width = 0;
    if (data_dir != NULL && name == SN_SPLIT_TEST) {
        spec->validation = spec->train_limit = 0;
    }
}

/* Returns the same status on every rank; so does find_split. */
static sn_status check_fit(const sn_dataset *data, const sn_model *committee,
                           sn_error *err)
{
    const sn_network *network = &committee->network;
    if (data->features != network->input || data->classes > network->classes) {
        return sn_fail(
            err, SN_EDATA,
            "data set: %zu features and %zu classes, but the model has %zu inputs "
            "and %zu classes",
            data->features, data->classes, network->input, network->classes);
    }
    for (const sn_model *m = committee; m != NULL; m = m->next) {
        if (m->spec.width > data->cols) {
            return sn_fail(err, SN_EDATA,
                           "data set: images of %zu columns, but the model has "
                           "data.width = %zu",
                           data->cols, m->spec.width);
        }
    }
    return SN_OK;
}

static sn_status find_split(const sn_dataset *data, sn_split_name name,
                            const sn_split **split, sn_error *err)
{
    const struct {
        const char *name, *why;
        const sn_split *split;
    } splits[] = {
        [SN_SPLIT_TEST] = {"test", "the data set has no test set", &data->test},
        [SN_SPLIT_TRAIN] = {"train", "the data set has no training set", &data->train},
        [SN_SPLIT_VALIDATION] =
            {"validation",
             "the configuration of the checkpoint has no validation set; "
             "choose test or train",
             &data->validation},
    };
    *split = splits[name].split;
    return (*split)->count > 0 ? SN_OK
                               : sn_fail(err, SN_ECONFIG, "no samples (split %s): %s",
                                         splits[name].name, splits[name].why);
}

/* Allocates memory (count) and voters (count) for the members. */
static sn_status prepare_voters(const sn_model *model, size_t count, size_t cols,
                                sn_predictor **memory, sn_voter **voters, sn_error *err)
{
    *memory = calloc(count, sizeof **memory);
    *voters = calloc(count, sizeof **voters);
    sn_status status = *memory != NULL && *voters != NULL
                           ? SN_OK
                           : sn_fail(err, SN_ENOMEM, "evaluation: out of memory");
    for (size_t i = 0; i < count && status == SN_OK; i++, model = model->next) {
        sn_predictor *own = *memory + i;
        status = sn_predictor_init(own, &model->network, model->parameters, err);
        (*voters)[i] = (sn_voter){&model->network, model->parameters, &own->workspace,
                                  cols, model->spec.width};
    }
    return status;
}

static sn_status evaluate(sn_comm *comm, const sn_model *model, const sn_split *split,
                          size_t cols, sn_evaluation *evaluation, int64_t *confusion,
                          sn_error *err)
{
    const size_t count = sn_model_members(model);
    sn_predictor *memory = NULL;
    sn_voter *voters = NULL;
    sn_node_cores cores = {0};
    sn_status status = sn_node_cores_find(comm, &cores, err);
    if (status != SN_OK) {
        return status;
    }
    sn_gemm_set_threads(sn_gemm_affordable_threads(cores.threads));
    status = prepare_voters(model, count, cols, &memory, &voters, err);
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        sn_gemm_limit_loops(SN_BACKEND_AUTO);
        status = sn_evaluate_committee(comm, voters, count, memory->x, split,
                                       evaluation, confusion, err);
    }
    for (size_t i = 0; i < count && memory != NULL; i++) {
        sn_predictor_clear(&memory[i]);
    }
    free(memory);
    free(voters);
    return status;
}

sn_status sn_model_evaluate(sn_comm *comm, const sn_model *model, const char *data_dir,
                            sn_split_name name, sn_evaluation *evaluation,
                            sn_error *err)
{
    SN_LOCALE_C();
    sn_error notice;
    return sn_model_evaluate_moved(comm, model, data_dir, name, evaluation, NULL,
                                   &notice, err);
}

sn_status sn_model_evaluate_moved(sn_comm *comm, const sn_model *model,
                                  const char *data_dir, sn_split_name name,
                                  sn_evaluation *evaluation, int64_t *confusion,
                                  sn_error *notice, sn_error *err)
{
    sn_dataset_spec spec;
    sn_loaded loaded = {0};
    const sn_split *split = NULL;
    sn_status status = choose_folder(comm, model, data_dir, &spec, notice, err);
    if (status == SN_OK) {
        adapt_spec(&spec, data_dir, name);
        status = sn_loader_data(comm, &spec, &loaded, err);
    }
    if (status == SN_OK) {
        status = check_fit(&loaded.data, model, err);
    }
    if (status == SN_OK) {
        status = find_split(&loaded.data, name, &split, err);
    }
    if (status == SN_OK) {
        status =
            evaluate(comm, model, split, loaded.data.cols, evaluation, confusion, err);
    }
    sn_loaded_clear(&loaded);
    return status;
}

sn_status sn_model_read_split(sn_model *model, const char *data_dir, sn_split_name name,
                              uint8_t **storage, sn_dataset *data,
                              const sn_split **split, sn_error *notice, sn_error *err)
{
    static const char no_digest[SN_DIGEST_TEXT_BYTES] = "";
    sn_dataset_spec spec;
    sn_dataset_shape shape;
    *storage = NULL;
    sn_status status = choose_folder(NULL, model, data_dir, &spec, notice, err);
    if (status == SN_OK) {
        adapt_spec(&spec, data_dir, name);
        status = sn_loader_read(&spec, no_digest, &shape, storage, data, err);
    }
    if (status == SN_OK) {
        status = check_fit(data, model, err);
    }
    if (status == SN_OK) {
        model->size = (sn_image_size){data->rows, data->cols, true};
        status = find_split(data, name, split, err);
    }
    return status;
}

sn_status sn_model_predict(sn_model *model, const uint8_t *images, size_t count,
                           sn_prediction *predictions, sn_error *err)
{
    return sn_model_predict_all(model, images, count, predictions, NULL, err);
}

/* Returns a copy of images (count) with the model's data.width; the caller frees it. */
static sn_status normalize(const sn_model *model, const uint8_t *images, size_t count,
                           uint8_t **normalized, sn_error *err)
{
    const size_t input = model->network.input, width = model->spec.width;
    const sn_image_size size = model->size;
    if (!size.recorded || width > size.cols) {
        return sn_fail(err, SN_EDATA,
                       "image size unknown (%s): data.width needs it, and the model's "
                       "training images are missing in %s; give their folder with "
                       "--data DIR",
                       model->found.path, model->spec.dir);
    }
    *normalized = sn_alloc(count, input);
    if (*normalized == NULL) {
        return sn_fail(err, SN_ENOMEM, "predict: out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        sn_width_normalize(size.rows, size.cols, width, images + i * input,
                           *normalized + i * input);
    }
    return SN_OK;
}

static sn_status predict(sn_model *model, const uint8_t *images, size_t count,
                         sn_prediction *predictions, float *probabilities,
                         sn_error *err)
{
    uint8_t *normalized = NULL;
    sn_status status = SN_OK;
    if (model->predictor.x == NULL) {
        status = sn_predictor_init(&model->predictor, &model->network,
                                   model->parameters, err);
        if (status != SN_OK) {
            sn_predictor_clear(&model->predictor);
        }
    }
    if (status == SN_OK && model->spec.width > 0) {
        status = normalize(model, images, count, &normalized, err);
    }
    if (status == SN_OK) {
        sn_predict(&model->predictor, normalized != NULL ? normalized : images, count,
                   predictions, probabilities);
    }
    free(normalized);
    return status;
}

sn_status sn_model_predict_all(sn_model *model, const uint8_t *images, size_t count,
                               sn_prediction *predictions, float *probabilities,
                               sn_error *err)
{
    if (model->next == NULL) {
        return predict(model, images, count, predictions, probabilities, err);
    }
    const size_t classes = model->network.classes, members = sn_model_members(model);
    float *p = sn_alloc(2 * count, classes * sizeof *p);
    if (p == NULL) {
        return sn_fail(err, SN_ENOMEM, "predict: out of memory");
    }
    float *mean = p + count * classes;
    sn_status status = SN_OK;
    for (sn_model *m = model; m != NULL && status == SN_OK; m = m->next) {
        status = predict(m, images, count, predictions, p, err);
        if (status == SN_OK) {
            sn_vote_add(members, count * classes, p, mean);
        }
    }
    for (size_t i = 0; i < count && status == SN_OK; i++) {
        predictions[i] = sn_vote_result(classes, mean + i * classes);
    }
    if (status == SN_OK && probabilities != NULL) {
        memcpy(probabilities, mean, count * classes * sizeof *mean);
    }
    free(p);
    return status;
}
