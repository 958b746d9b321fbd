/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/decide.h"

static bool every(int64_t count, int64_t interval)
{
    return interval > 0 && count % interval == 0;
}

static bool must_stop(const sn_config *config, const sn_moment *m)
{
    return m->stop_requested ||
           (config->train_max_steps > 0 && m->steps_here >= config->train_max_steps);
}

static bool is_due(const sn_config *config, const sn_moment *m)
{
    const bool epoch_due = config->checkpoint_every_epochs == SN_EVERY_EPOCHS_AUTO
                               ? m->files_due
                               : every(m->epoch, config->checkpoint_every_epochs);
    return m->checkpoint_due || every(m->step, config->checkpoint_every_steps) ||
           (m->epoch_closed && epoch_due);
}

sn_decision sn_decide(const sn_config *config, const sn_moment *m)
{
    const bool finished =
        m->epoch_closed && sn_config_is_finished(config, m->epoch, m->best_epoch);
    const bool stops = must_stop(config, m);
    const bool checkpoint = stops || finished || is_due(config, m);
    return (sn_decision){.checkpoint = checkpoint,
                         .best = m->epoch_closed && m->improved &&
                                 config->checkpoint_keep_best,
                         .write = checkpoint || (m->epoch_closed && m->files_due),
                         .final = stops || finished,
                         .leave = stops || finished,
                         .stopped = stops && !finished};
}
