/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/loader.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/numeric/digest.h"
#include "dist/watchdog/watchdog.h"

/* Probes the shape of the data set on one rank per node and broadcasts it in the node.
 */
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

/* Reads the data set into storage, sets *data to it and normalizes its images.  digest:
 * see sn_dataset_view. */
static sn_status read(const sn_dataset_spec *spec, const sn_dataset_shape *shape,
                      const char *digest, uint8_t *storage, sn_dataset *data,
                      sn_error *err)
{
    sn_status status = sn_dataset_fill(spec, shape, storage, err);
    if (status == SN_OK) {
        status = sn_dataset_view(spec, shape, storage, digest, data, err);
    }
    return status == SN_OK ? sn_dataset_normalize(spec, shape, storage, err) : status;
}

/* Reads the data set on one rank per node; every rank gets a view of it. */
static sn_status fill(sn_comm *comm, const sn_dataset_spec *spec,
                      const sn_dataset_shape *shape, sn_loaded *loaded, sn_error *err)
{
    uint8_t *storage = loaded->memory.data;
    sn_status status = sn_fault_check("data.fill", sn_comm_rank(comm), -1, err);
    if (status == SN_OK && sn_comm_node_rank(comm) == 0) {
        status = read(spec, shape, NULL, storage, &loaded->data, err);
    }
    status = sn_comm_agree(comm, status, err);
    if (status != SN_OK) {
        return status;
    }
    status = sn_node_memory_publish(comm, &loaded->memory, err);
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

/* Identifies the data of a node. */
typedef struct fingerprint {
    char train[SN_DIGEST_TEXT_BYTES];
    uint64_t test[4]; /* count, rows, columns, hash */
} fingerprint;

static fingerprint fingerprint_of(const sn_dataset *data)
{
    const sn_split *test = &data->test;
    const uint64_t images = sn_hash(0, test->images, test->count * data->features);
    fingerprint print = {.test = {test->count, data->rows, data->cols,
                                  sn_hash(images, test->labels, test->count)}};
    memcpy(print.train, data->train_digest, sizeof print.train);
    return print;
}

/* Checks that every node has the same data. */
static sn_status compare(sn_comm *comm, const sn_dataset_spec *spec,
                         const sn_dataset *data, sn_error *err)
{
    const bool is_leader = sn_comm_node_rank(comm) == 0;
    const fingerprint mine =
        is_leader ? fingerprint_of(data) : (fingerprint){.test = {0}};
    fingerprint first = mine;
    sn_status status = sn_comm_broadcast(comm, &first, sizeof first, 0, err);
    const bool same_train = strcmp(first.train, mine.train) == 0;
    if (status == SN_OK && is_leader &&
        !(same_train && memcmp(first.test, mine.test, sizeof mine.test) == 0)) {
        status = sn_fail(err, SN_ECONFIG,
                         "data set (%s): other %s data than on rank 0; put the same "
                         "files on every node",
                         spec->dir, same_train ? "test" : "training");
    }
    return sn_comm_agree(comm, status, err);
}

sn_status sn_loader_data(sn_comm *comm, const sn_dataset_spec *spec, sn_loaded *loaded,
                         sn_error *err)
{
    static const sn_activity loading = {"loading", false, false};
    *loaded = (sn_loaded){.memory = {.data = NULL}};
    sn_dataset_shape shape = {0};
    size_t bytes = 0;
    sn_status status = share_shape(comm, spec, &shape, &bytes, err);
    if (status == SN_OK) {
        sn_watchdog_mark_bytes(
            comm, sn_comm_node_rank(comm) == 0 ? &loading : &sn_watchdog_agreement, -1,
            bytes);
        status =
            sn_node_memory_init(comm, bytes, true, "data set", &loaded->memory, err);
    }
    if (status == SN_OK) {
        status = fill(comm, spec, &shape, loaded, err);
    }
    if (status == SN_OK && sn_comm_node_count(comm) > 1) {
        status = compare(comm, spec, &loaded->data, err);
    }
    if (status != SN_OK) {
        sn_loaded_clear(loaded);
    }
    return status;
}

sn_status sn_loader_dataset(sn_comm *comm, const sn_config *config, sn_loaded *loaded,
                            sn_error *err)
{
    const sn_dataset_spec spec = sn_config_dataset(config);
    const sn_status status = sn_loader_data(comm, &spec, loaded, err);
    sn_dataset_shape shape;
    sn_error why;
    /* If a key causes the error, name the key.  Every rank has the same status here. */
    if (status == SN_ECONFIG && sn_dataset_probe(&spec, &shape, &why) == SN_OK &&
        sn_config_check_data(config, &shape, &why) != SN_OK) {
        *err = why;
    }
    return status;
}

sn_status sn_loader_read(const sn_dataset_spec *spec, const char *digest,
                         sn_dataset_shape *shape, uint8_t **storage, sn_dataset *data,
                         sn_error *err)
{
    size_t bytes;
    *storage = NULL;
    sn_status status = sn_dataset_probe(spec, shape, err);
    if (status != SN_OK) {
        return status;
    }
    if (sn_dataset_bytes(shape, &bytes)) {
        *storage = sn_alloc(bytes, 1);
    }
    if (*storage == NULL) {
        return sn_fail(
            err, SN_ENOMEM,
            "not enough memory (%s): the data set does not fit; use a machine with "
            "more memory",
            spec->dir);
    }
    return read(spec, shape, digest, *storage, data, err);
}

void sn_loaded_clear(sn_loaded *loaded)
{
    sn_node_memory_clear(&loaded->memory);
}

/* The shape of a network, as it is broadcast. */
typedef struct network_shape {
    size_t input, classes, hidden_count, hidden[SN_MAX_HIDDEN];
    int activation;
} network_shape;

static sn_status read_shape(const char *path, const sn_checkpoint *checkpoint,
                            const sn_checkpoint_info *info, network_shape *shape,
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
    shape->input = (size_t)info->input;
    shape->classes = (size_t)info->classes;
    shape->hidden_count = (size_t)info->layers - 1;
    for (int64_t l = 0; l + 1 < info->layers; l++) {
        shape->hidden[l] = (size_t)sn_checkpoint_shapes(checkpoint)[l].out;
    }
    return SN_OK;
}

static sn_status make_network(const network_shape *shape, sn_network *network,
                              float **parameters, sn_error *err)
{
    const sn_status status =
        sn_network_init(network, shape->input, shape->hidden, shape->hidden_count,
                        shape->classes, (sn_activation)shape->activation, err);
    if (status != SN_OK) {
        return status;
    }
    *parameters = sn_alloc(network->arena, sizeof **parameters);
    return *parameters == NULL ? sn_fail(err, SN_ENOMEM, "model: out of memory")
                               : SN_OK;
}

sn_status sn_loader_read_model(const char *path, sn_checkpoint_info *info,
                               sn_network *network, float **parameters, sn_error *err)
{
    sn_checkpoint *checkpoint = NULL;
    network_shape shape = {0};
    *network = (sn_network){0};
    *parameters = NULL;
    *info = (sn_checkpoint_info){0};
    sn_status status = sn_checkpoint_open(path, &checkpoint, info, err);
    if (status == SN_OK) {
        status = read_shape(path, checkpoint, info, &shape, err);
    }
    if (status == SN_OK) {
        status = make_network(&shape, network, parameters, err);
    }
    if (status == SN_OK) {
        sn_layer_tensors tensors[SN_MAX_HIDDEN + 1];
        const sn_state state = {.parameters = *parameters};
        sn_checkpoint_tensors(network, &state, tensors);
        status = sn_checkpoint_read(checkpoint, tensors, err);
    }
    sn_checkpoint_close(&checkpoint);
    if (status != SN_OK) {
        sn_network_clear(network);
        free(*parameters);
        *parameters = NULL;
    }
    return status;
}

sn_status sn_loader_broadcast_model(sn_comm *comm, sn_network *network,
                                    float **parameters, sn_error *err)
{
    network_shape shape = {.input = network->input,
                           .classes = network->classes,
                           .hidden_count = network->layers - 1,
                           .activation = (int)network->activation};
    for (size_t l = 0; l + 1 < network->layers; l++) {
        shape.hidden[l] = network->layer[l].out;
    }
    sn_status status = sn_comm_broadcast(comm, &shape, sizeof shape, 0, err);
    if (status == SN_OK) {
        if (sn_comm_rank(comm) != 0) {
            status = make_network(&shape, network, parameters, err);
        }
        status = sn_comm_agree(comm, status, err);
    }
    return status == SN_OK
               ? sn_comm_broadcast(comm, *parameters,
                                   network->arena * sizeof **parameters, 0, err)
               : status;
}
