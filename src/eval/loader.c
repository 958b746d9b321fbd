#include "eval/loader.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/fault.h"
#include "base/mem.h"
#include "config/config.h"
#include "dist/watchdog/watchdog.h"

/* Shape on every rank, probed by the node's leader. */
static sn_status share_shape(sn_comm *comm, const sn_dataset_spec *spec,
                             sn_dataset_shape *shape, size_t *bytes, sn_error *err)
{
    sn_status status = sn_fault_check("data.probe", sn_comm_rank(comm), -1, err);
    if (status == SN_OK && sn_comm_node_rank(comm) == 0) {
        status = sn_dataset_probe(spec, shape, err);
    }
    status = sn_comm_agree(comm, status, err);
    if (status != SN_OK) {
        return status;
    }
    status = sn_comm_node_broadcast(comm, shape, sizeof *shape, err);
    if (status == SN_OK && !sn_dataset_bytes(shape, bytes)) {
        status = sn_fail(err, SN_EDATA, "data set (%s): larger than the address space",
                         spec->dir);
    }
    return sn_comm_agree(comm, status, err);
}

static sn_status fill(sn_comm *comm, const sn_dataset_spec *spec,
                      const sn_dataset_shape *shape, sn_loaded *loaded, sn_error *err)
{
    uint8_t *storage = sn_node_memory_data(loaded->memory);
    sn_status status = sn_fault_check("data.fill", sn_comm_rank(comm), -1, err);
    if (status == SN_OK && sn_comm_node_rank(comm) == 0) {
        status = sn_dataset_fill(spec, shape, storage, err);
        if (status == SN_OK) {
            status = sn_dataset_view(spec, shape, storage, NULL, &loaded->data, err);
        }
    }
    status = sn_comm_agree(comm, status, err);
    if (status != SN_OK) {
        return status;
    }
    status = sn_node_memory_publish(comm, loaded->memory, err);
    char digest[SN_DIGEST_TEXT_BYTES];
    memcpy(digest, loaded->data.train_digest, sizeof digest);
    if (status == SN_OK) {
        status = sn_comm_node_broadcast(comm, digest, sizeof digest, err);
    }
    if (status == SN_OK) {
        status = sn_dataset_view(spec, shape, storage, digest, &loaded->data, err);
    }
    return sn_comm_agree(comm, status, err);
}

/* What the nodes' test sets, and shapes of all, are told apart by. */
typedef struct other_data {
    uint64_t test_count, rows, cols, test_hash;
} other_data;

static other_data describe_others(const sn_dataset *data)
{
    const sn_split *test = &data->test;
    const uint64_t images = sn_hash(0, test->images, test->count * data->features);
    return (other_data){.test_count = test->count,
                        .rows = data->rows,
                        .cols = data->cols,
                        .test_hash = sn_hash(images, test->labels, test->count)};
}

/* Every node must have the same test data. */
static sn_status compare_others(sn_comm *comm, const sn_dataset_spec *spec,
                                const sn_dataset *data, sn_error *err)
{
    other_data mine = {0};
    if (sn_comm_node_rank(comm) == 0) {
        mine = describe_others(data);
    }
    sn_status status = sn_comm_node_broadcast(comm, &mine, sizeof mine, err);
    other_data first = mine;
    if (status == SN_OK) {
        status = sn_comm_broadcast(comm, &first, sizeof first, 0, err);
    }
    if (status == SN_OK && memcmp(&first, &mine, sizeof mine) != 0) {
        status = sn_fail(err, SN_ECONFIG,
                         "data set (%s): other test data than rank 0 has; put the "
                         "same files where every node finds them",
                         spec->dir);
    }
    return sn_comm_agree(comm, status, err);
}

/* Every node must have the same training data. */
static sn_status compare(sn_comm *comm, const sn_dataset_spec *spec,
                         const sn_dataset *data, sn_error *err)
{
    char first[SN_DIGEST_TEXT_BYTES];
    memcpy(first, data->train_digest, sizeof first);
    sn_status status = sn_comm_broadcast(comm, first, sizeof first, 0, err);
    if (status == SN_OK && strcmp(first, data->train_digest) != 0) {
        status = sn_fail(err, SN_ECONFIG,
                         "data set (%s): other training data than rank 0 has; put the "
                         "same files where every node finds them",
                         spec->dir);
    }
    return sn_comm_agree(comm, status, err);
}

sn_status sn_loader_data(sn_comm *comm, const sn_dataset_spec *spec, sn_loaded *loaded,
                         sn_error *err)
{
    static const sn_activity loading = {"loading", false};
    *loaded = (sn_loaded){.memory = NULL};
    sn_dataset_shape shape = {0};
    size_t bytes = 0;
    sn_status status = share_shape(comm, spec, &shape, &bytes, err);
    if (status == SN_OK) {
        sn_watchdog_mark_bytes(
            comm, sn_comm_node_rank(comm) == 0 ? &loading : &sn_watchdog_agreement, -1,
            bytes);
        status = sn_node_memory_create(comm, bytes, &loaded->memory, err);
    }
    if (status == SN_OK) {
        status = fill(comm, spec, &shape, loaded, err);
    }
    if (status == SN_OK) {
        status = compare(comm, spec, &loaded->data, err);
    }
    if (status == SN_OK && sn_comm_node_count(comm) > 1) {
        status = compare_others(comm, spec, &loaded->data, err);
    }
    if (status != SN_OK) {
        sn_loaded_clear(loaded);
    }
    return status;
}

/* After a failure that is the same on every rank: is a key to blame rather than the data? */
static void explain(const sn_config *config, const sn_dataset_spec *spec, sn_error *err)
{
    sn_dataset_shape shape;
    sn_error why;
    if (sn_dataset_probe(spec, &shape, &why) == SN_OK &&
        sn_config_check_data(config, &shape, &why) != SN_OK) {
        *err = why;
    }
}

sn_status sn_loader_dataset(sn_comm *comm, const sn_config *config, sn_loaded *loaded,
                            sn_error *err)
{
    const sn_dataset_spec spec = sn_config_dataset(config);
    const sn_status status = sn_loader_data(comm, &spec, loaded, err);
    if (status == SN_ECONFIG) {
        explain(config, &spec, err);
    }
    return status;
}

void sn_loaded_clear(sn_loaded *loaded)
{
    sn_node_memory_destroy(&loaded->memory);
}

/* The shape of a model, as it travels between ranks. */
typedef struct shape_message {
    uint64_t input, classes, hidden_count;
    int activation;
    uint64_t hidden[SN_MAX_HIDDEN];
} shape_message;

static sn_status read_shape(const char *path, const sn_checkpoint *checkpoint,
                            const sn_checkpoint_info *info, shape_message *shape,
                            sn_error *err)
{
    if (info->layers > SN_MAX_HIDDEN + 1) {
        return sn_fail(err, SN_EDATA, "checkpoint (%s): more than %d hidden layers",
                       path, SN_MAX_HIDDEN);
    }
    shape->activation = sn_config_choice_value("model", "activation", info->activation);
    if (shape->activation < 0) {
        return sn_fail(err, SN_EDATA, "checkpoint (%s): unknown activation '%s'", path,
                       info->activation);
    }
    shape->input = (uint64_t)info->input;
    shape->classes = (uint64_t)info->classes;
    shape->hidden_count = (uint64_t)info->layers - 1;
    for (int64_t l = 0; l + 1 < info->layers; l++) {
        shape->hidden[l] = (uint64_t)sn_checkpoint_shapes(checkpoint)[l].out;
    }
    return SN_OK;
}

static sn_status make_model(const shape_message *shape, sn_network *model,
                            float **parameters, sn_error *err)
{
    size_t hidden[SN_MAX_HIDDEN];
    for (uint64_t i = 0; i < shape->hidden_count; i++) {
        hidden[i] = (size_t)shape->hidden[i];
    }
    sn_status status =
        sn_network_init(model, shape->input, hidden, shape->hidden_count,
                        shape->classes, (sn_activation)shape->activation, err);
    if (status != SN_OK) {
        return status;
    }
    *parameters = sn_alloc(model->arena, sizeof **parameters);
    return *parameters == NULL ? sn_fail(err, SN_ENOMEM, "model: out of memory")
                               : SN_OK;
}

static sn_status read_parameters(sn_checkpoint *checkpoint, const sn_network *model,
                                 float *parameters, sn_error *err)
{
    sn_layer_tensors *tensors = calloc(model->layers, sizeof *tensors);
    if (tensors == NULL) {
        return sn_fail(err, SN_ENOMEM, "checkpoint: out of memory");
    }
    sn_checkpoint_tensors(model, parameters, NULL, tensors);
    sn_status status = sn_checkpoint_read(checkpoint, tensors, err);
    free(tensors);
    return status;
}

sn_status sn_loader_read_model(const char *path, sn_checkpoint_info *info,
                               sn_network *model, float **parameters, sn_error *err)
{
    sn_checkpoint *checkpoint = NULL;
    shape_message shape = {0};
    *model = (sn_network){0};
    *parameters = NULL;
    *info = (sn_checkpoint_info){0};
    sn_status status = sn_checkpoint_open(path, &checkpoint, info, err);
    if (status == SN_OK) {
        status = read_shape(path, checkpoint, info, &shape, err);
    }
    if (status == SN_OK) {
        status = make_model(&shape, model, parameters, err);
    }
    if (status == SN_OK) {
        status = read_parameters(checkpoint, model, *parameters, err);
    }
    sn_checkpoint_close(&checkpoint);
    if (status != SN_OK) {
        sn_network_clear(model);
        free(*parameters);
        *parameters = NULL;
    }
    return status;
}

static void shape_of(const sn_network *model, shape_message *shape)
{
    *shape = (shape_message){.input = model->input,
                             .classes = model->classes,
                             .hidden_count = model->layers - 1,
                             .activation = (int)model->activation};
    for (size_t l = 0; l + 1 < model->layers; l++) {
        shape->hidden[l] = model->layer[l].out;
    }
}

sn_status sn_loader_share_model(sn_comm *comm, sn_network *model, float **parameters,
                                sn_error *err)
{
    const bool has_it = sn_comm_rank(comm) == 0;
    shape_message shape = {0};
    if (has_it) {
        shape_of(model, &shape);
    }
    sn_status status = sn_comm_broadcast(comm, &shape, sizeof shape, 0, err);
    if (status == SN_OK) {
        if (!has_it) {
            status = make_model(&shape, model, parameters, err);
        }
        status = sn_comm_agree(comm, status, err);
    }
    if (status == SN_OK) {
        status = sn_comm_broadcast(comm, *parameters,
                                   model->arena * sizeof **parameters, 0, err);
    }
    return status;
}
