/* SPDX-License-Identifier: BSD-3-Clause */
#include "eval/committee.h"

#include <string.h>

#include "dist/comm/comm.h"

static sn_status check_choice(const char *choice, sn_error *err)
{
    return choice == NULL || strcmp(choice, SN_TARGET_BEST) == 0 ||
                   strcmp(choice, SN_TARGET_LAST) == 0
               ? SN_OK
               : sn_fail(err, SN_EUSAGE,
                         "--checkpoint %s: several runs have no common checkpoint; use "
                         "best or last, or give the checkpoints instead of the runs",
                         choice);
}

/* Every rank returns the same status. */
static sn_status check_shape(const sn_model *first, const sn_model *model,
                             sn_error *err)
{
    const sn_network *a = &first->network, *b = &model->network;
    return a->input == b->input && a->classes == b->classes
               ? SN_OK
               : sn_fail(err, SN_EDATA,
                         "committee (%s): %zu inputs and %zu classes, but %s has %zu "
                         "and %zu; give runs with the same inputs and classes",
                         model->found.path, b->input, b->classes, first->found.path,
                         a->input, a->classes);
}

sn_status sn_committee_add(sn_comm *comm, const char *path, const char *choice,
                           sn_model **committee, sn_error *err)
{
    sn_model **end = committee;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    sn_status status = end == committee ? SN_OK : check_choice(choice, err);
    if (status == SN_OK) {
        status = sn_model_load_choice(comm, path, choice, end, err);
    }
    return status == SN_OK ? check_shape(*committee, *end, err) : status;
}

static bool has_same_data(const sn_model *a, const sn_model *b, const char *data_dir,
                          sn_split_name split)
{
    const sn_dataset_spec *s = &a->spec, *t = &b->spec;
    const bool same_split =
        s->validation == t->validation && s->train_limit == t->train_limit;
    const bool same_place =
        data_dir != NULL || (s->source == t->source && strcmp(s->dir, t->dir) == 0);
    const bool same_samples = strcmp(a->info.train_digest, b->info.train_digest) == 0;
    return split == SN_SPLIT_TEST ? same_place || same_samples
                                  : same_split && (same_place || same_samples);
}

sn_status sn_committee_check_data(sn_comm *comm, const sn_model *committee,
                                  const char *data_dir, sn_split_name split,
                                  sn_error *err)
{
    sn_status status = SN_OK;
    const bool reads = sn_comm_rank(comm) == 0; /* only this rank has info */
    for (const sn_model *m = committee->next; reads && m != NULL && status == SN_OK;
         m = m->next) {
        if (!has_same_data(committee, m, data_dir, split)) {
            status = sn_fail(err, SN_EDATA,
                             "committee (%s): other data than %s; give runs with the "
                             "same data and validation samples, or --data DIR with "
                             "the test set",
                             m->found.path, committee->found.path);
        }
    }
    return sn_comm_agree(comm, status, err);
}
