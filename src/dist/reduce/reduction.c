#include "dist/reduce/reduction.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/sampler.h"
#include "dist/reduce/internal.h"

#define ADDRESS(symbol, name) &sn_reduction_##name,
static const sn_reduction_kind *const kinds[] = {SN_REDUCTION_TABLE(ADDRESS)};

const sn_reduction_kind *sn_reduction_of(int kind)
{
    return kinds[kind == SN_REDUCE_AUTO ? SN_REDUCE_ALLREDUCE : kind];
}

sn_status sn_reduction_check(const sn_reduction_kind *kind,
                             const sn_reduction_spec *spec, int size, const char **key,
                             sn_error *err)
{
    const int pieces = spec->microbatches;
    *key = "wire";
    if (spec->wire != SN_WIRE_FP32 && !kind->takes_bf16) {
        return sn_fail(
            err, SN_ECONFIG,
            "bf16 goes with reduce = allreduce, overlap or auto, not with %s",
            kind->name);
    }
    *key = "leaves";
    if (pieces < 1 || (pieces & (pieces - 1)) != 0) {
        return sn_fail(err, SN_ECONFIG, "%d is not a power of two", pieces);
    }
    if (kind->fixed_order && pieces < size) {
        return sn_fail(err, SN_ECONFIG,
                       "%d leaves cannot be shared by %d ranks; use fewer ranks, or "
                       "begin the run with more leaves",
                       pieces, size);
    }
    *key = NULL;
    const size_t most = INT_MAX - spec->tail;
    return spec->gradient <= most
               ? SN_OK
               : sn_fail(err, SN_ERANGE,
                         "model: %zu parameters exceed one MPI message (%zu); use a "
                         "smaller model",
                         spec->gradient, most);
}

sn_pieces sn_reduction_pieces(const sn_reduction_kind *kind,
                              const sn_reduction_spec *spec, int rank, int size)
{
    if (!kind->fixed_order) {
        return (sn_pieces){rank, rank + 1, size};
    }
    const sn_range mine =
        sn_rank_range((sn_range){0, (uint64_t)spec->microbatches}, rank, size);
    return (sn_pieces){(int)mine.begin, (int)mine.end, spec->microbatches};
}

/* Where one rank adds nothing, one buffer is all that it needs. */
static bool is_alone(const sn_reduction_kind *kind, int size)
{
    return size == 1 && !kind->fixed_order;
}

size_t sn_reduction_bytes(const sn_reduction_kind *kind, const sn_reduction_spec *spec,
                          int rank, int size, int node_size)
{
    return is_alone(kind, size) ? sn_reduction_length(spec) * sizeof(float)
                                : kind->bytes(spec, rank, size, node_size);
}

double sn_reduction_seconds(const sn_reduction_kind *kind,
                            const sn_reduction_spec *spec,
                            const sn_reduction_links *links)
{
    return links->ranks == 1 ? 0 : kind->seconds(spec, links);
}

/* *out is NULL with SN_OK where the ranks cannot have this kind. */
static sn_status open_kind(sn_comm *comm, const sn_reduction_kind *kind,
                           const sn_reduction_spec *spec, sn_reduction **out,
                           sn_error *err)
{
    sn_reduction *r = calloc(1, kind->object_bytes);
    sn_status status =
        r == NULL ? sn_fail(err, SN_ENOMEM, "reduction: out of memory") : SN_OK;
    status = sn_comm_agree(comm, status, err);
    if (status == SN_OK) {
        *r = (sn_reduction){.kind = kind, .comm = comm, .spec = *spec};
        status = sn_comm_agree(comm, kind->open(r, err), err);
        *out = r;
        if (status != SN_OK || r->buffer == NULL) {
            sn_reduction_destroy(out);
        }
    } else {
        free(r);
    }
    return status;
}

sn_status sn_reduction_create(sn_comm *comm, const sn_reduction_kind *kind,
                              const sn_reduction_spec *spec, sn_reduction **out,
                              sn_error *err)
{
    const char *key;
    sn_reduction_spec plain = *spec;
    plain.wire = SN_WIRE_FP32;
    *out = NULL;
    sn_status status = sn_reduction_check(kind, spec, comm->size, &key, err);
    if (status == SN_OK && !is_alone(kind, comm->size)) {
        status = open_kind(comm, kind, spec, out, err);
    }
    if (status == SN_OK && *out == NULL) {
        status = open_kind(comm, &sn_reduction_allreduce, &plain, out, err);
    }
    if (status == SN_OK) {
        (*out)->wanted = kind;
    }
    return status;
}

void sn_reduction_destroy(sn_reduction **reduction)
{
    if (*reduction != NULL) {
        (*reduction)->kind->close(*reduction);
        free(*reduction);
        *reduction = NULL;
    }
}

const sn_reduction_kind *sn_reduction_acting(const sn_reduction *r)
{
    return r->kind;
}

void sn_reduction_describe(const sn_reduction *r, char *text, size_t bytes)
{
    if (r->kind->fixed_order) {
        snprintf(text, bytes,
                 "%s: %d leaves, the same bits on any number of ranks up to that",
                 r->kind->name, r->spec.microbatches);
    } else {
        snprintf(text, bytes, "%s%s", r->wanted->name,
                 r->kind == r->wanted || r->comm->size == 1
                     ? ""
                     : ", which these ranks cannot: one MPI_Allreduce");
    }
}

void sn_reduction_begin(sn_reduction *r)
{
    if (r->kind->begin != NULL) {
        r->kind->begin(r);
    }
}

sn_pieces sn_reduction_own_pieces(const sn_reduction *r)
{
    return sn_reduction_pieces(r->kind, &r->spec, r->comm->rank, r->comm->size);
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
