/* SPDX-License-Identifier: BSD-3-Clause */
#include "dist/reduce/reduction.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/numeric/real.h"
#include "data/sampler.h"
#include "dist/reduce/internal.h"

#define ADDRESS(symbol, name) &sn_reduction_##name,
static const sn_reduction_kind *const kinds[] = {SN_REDUCTION_TABLE(ADDRESS)};

const sn_reduction_kind *sn_reduction_of(int kind)
{
    return kinds[kind == SN_REDUCE_AUTO ? SN_REDUCE_ALLREDUCE : kind];
}

sn_status sn_reduction_check(const sn_reduction_spec *spec, int size, const char **key,
                             sn_error *err)
{
    const int microbatches = spec->microbatches;
    *key = "wire";
    if (spec->wire != SN_WIRE_FP32 && !spec->kind->allows_bf16) {
        return sn_fail(err, SN_ECONFIG,
                       "bf16 requires reduce = allreduce, overlap or auto, not %s",
                       spec->kind->name);
    }
    *key = "leaves";
    if (microbatches < 1 || (microbatches & (microbatches - 1)) != 0) {
        return sn_fail(err, SN_ECONFIG, "%d is not a power of two", microbatches);
    }
    if (spec->kind->fixed_order && microbatches < size) {
        return sn_fail(err, SN_ECONFIG,
                       "%d microbatches are too few for %d ranks; use fewer ranks, or "
                       "start a new run with more leaves",
                       microbatches, size);
    }
    const size_t most = INT_MAX - spec->tail;
    return spec->gradient <= most
               ? SN_OK
               : sn_fail(err, SN_ERANGE,
                         "model: %zu parameters exceed one reduction (%zu); use a "
                         "smaller model",
                         spec->gradient, most);
}

sn_microbatches sn_reduction_microbatches(const sn_reduction_spec *spec, int rank,
                                          int size)
{
    const sn_range all = {0, (uint64_t)spec->microbatches};
    const sn_range mine = sn_rank_range(all, rank, size);
    return spec->kind->fixed_order
               ? (sn_microbatches){(int)mine.begin, (int)mine.end, spec->microbatches}
               : (sn_microbatches){rank, rank + 1, size};
}

/* Returns the kind that size ranks use: one rank has no other gradients to add. */
static const sn_reduction_kind *kind_for(const sn_reduction_spec *spec, int size)
{
    const sn_reduction_kind *kind =
        size > 1 || spec->kind->fixed_order ? spec->kind : &sn_reduction_allreduce;
    return kind == &sn_reduction_allreduce && size > 1 && spec->wire == SN_WIRE_BF16
               ? &sn_reduction_one_bucket
               : kind;
}

size_t sn_reduction_bytes(const sn_reduction_spec *spec, int rank, int size,
                          int node_size)
{
    return kind_for(spec, size)->bytes(spec, rank, size, node_size);
}

sn_reduction_traffic sn_reduction_halving(int ranks)
{
    const double p = ranks;
    return (sn_reduction_traffic){2 * ceil(log2(p)), 2 * (p - 1) / p};
}

sn_reduction_traffic sn_reduction_halving_of_nodes(int nodes, int node_ranks)
{
    (void)node_ranks;
    return sn_reduction_halving(nodes);
}

sn_reduction_traffic sn_reduction_between(const sn_reduction_spec *spec, int nodes,
                                          int node_ranks)
{
    return nodes > 1 ? kind_for(spec, nodes * node_ranks)->traffic(nodes, node_ranks)
                     : (sn_reduction_traffic){0, 0};
}

double sn_reduction_sent_bytes(const sn_reduction_spec *spec)
{
    return (double)(sn_reduction_length(spec) *
                    (spec->wire == SN_WIRE_BF16 ? sizeof(uint16_t) : sizeof(float)));
}

SN_HOT
void add_gradient(size_t count, const float *restrict a, float *restrict sum)
{
    for (size_t i = 0; i < count; i++) {
        sum[i] += a[i];
    }
}

void sn_reduction_add(size_t count, const float *a, float *sum)
{
    add_gradient(count, a, sum);
}

/* Creates a reduction of one kind; *out is NULL if the ranks cannot use it. */
static sn_status open_kind(sn_comm *comm, const sn_reduction_kind *kind,
                           const sn_reduction_spec *spec, sn_reduction **out,
                           sn_error *err)
{
    sn_status status;
    sn_reduction *r =
        sn_comm_allocate(comm, 1, kind->object_bytes, "reduction", &status, err);
    if (status != SN_OK) {
        return status;
    }
    *r = (sn_reduction){.kind = kind, .comm = comm, .spec = *spec};
    status = sn_comm_agree(comm, kind->open(r, err), err);
    *out = r;
    if (status != SN_OK || r->buffer == NULL) {
        sn_reduction_destroy(out);
    }
    return status;
}

sn_status sn_reduction_create(sn_comm *comm, const sn_reduction_spec *spec,
                              sn_reduction **out, sn_error *err)
{
    const char *key;
    *out = NULL;
    sn_status status = sn_reduction_check(spec, comm->size, &key, err);
    if (status == SN_OK) {
        status = open_kind(comm, kind_for(spec, comm->size), spec, out, err);
    }
    return status == SN_OK && *out == NULL
               ? open_kind(comm, &sn_reduction_allreduce, spec, out, err)
               : status;
}

void sn_reduction_destroy(sn_reduction **reduction)
{
    if (*reduction != NULL) {
        (*reduction)->kind->close(*reduction);
        free(*reduction);
        *reduction = NULL;
    }
}

bool sn_reduction_is_replaced(const sn_reduction *r)
{
    return r->kind != kind_for(&r->spec, r->comm->size);
}

void sn_reduction_describe(const sn_reduction *r, char *text, size_t bytes)
{
    const char *name = r->spec.kind->name;
    if (r->kind->fixed_order) {
        snprintf(text, bytes, "%s: %d microbatches, identical bits on 1 to %d ranks",
                 name, r->spec.microbatches, r->spec.microbatches);
    } else {
        snprintf(text, bytes, "%s%s", name,
                 sn_reduction_is_replaced(r)
                     ? ": not possible on these ranks, allreduce instead"
                     : "");
    }
}

void sn_reduction_begin(sn_reduction *r)
{
    if (r->kind->begin != NULL) {
        r->kind->begin(r);
    }
}

sn_microbatches sn_reduction_own_microbatches(const sn_reduction *r)
{
    return sn_reduction_microbatches(&r->spec, r->comm->rank, r->comm->size);
}

float *sn_reduction_buffer(const sn_reduction *r)
{
    return r->buffer;
}

void sn_reduction_push(sn_reduction *r)
{
    if (r->kind->push != NULL) {
        r->kind->push(r);
    }
}

bool sn_reduction_wants_ready(const sn_reduction *r)
{
    return r->kind->ready != NULL;
}

void sn_reduction_ready(void *reduction, size_t first)
{
    sn_reduction *r = reduction;
    r->kind->ready(r, first);
}

sn_status sn_reduction_finish(sn_reduction *r, const float **sum, sn_error *err)
{
    *sum = r->sum;
    return r->kind->finish(r, err);
}
