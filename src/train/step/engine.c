/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/step/engine.h"

#include "base/fault.h"

sn_status sn_engine_open(sn_engine *engine, sn_comm *comm, const sn_config *config,
                         sn_error *err)
{
    *engine = (sn_engine){.config = *config};
    sn_status status = sn_context_open(&engine->context, comm, config, err);
    if (status == SN_OK) {
        status = sn_loader_dataset(comm, config, &engine->loaded, err);
    }
    if (status != SN_OK) {
        return status;
    }
    const sn_context *context = &engine->context;
    const sn_dataset *data = &engine->loaded.data;
    status =
        sn_replica_open(comm, &engine->replica, config, data, context->threads, err);
    if (status == SN_OK) {
        status = sn_fault_check("engine.allocate", context->rank, -1, err);
    }
    engine->cursor = sn_cursor_start(config, data->train.count);
    sn_config_make_absolute(&engine->config);
    return sn_comm_agree(comm, status, err);
}

sn_status sn_engine_step(sn_engine *engine, sn_step_poll *poll, void *user,
                         sn_step_result *result, sn_error *err)
{
    return sn_step_run(&engine->context, &engine->loaded.data.train, &engine->replica,
                       engine->reduction, &engine->cursor, poll, user, result, err);
}

void sn_engine_close(sn_engine *engine)
{
    sn_reduction_destroy(&engine->reduction);
    sn_replica_close(&engine->replica);
    sn_loaded_clear(&engine->loaded);
}
