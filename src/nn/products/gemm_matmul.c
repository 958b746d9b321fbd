/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/products/gemm_matmul.h"

#if defined(SHARDNET_ONEDNN) && !defined(SHARDNET_REAL_DOUBLE)

#include <dnnl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Arguments of a product: the query for their memory, and their number in a call. */
enum { A, B, C, SCRATCH, ARGUMENTS };
static const dnnl_query_t queries[ARGUMENTS] = {
    dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md,
    dnnl_query_scratchpad_md};
static const int names[ARGUMENTS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST,
                                     DNNL_ARG_SCRATCHPAD};

/* The primitive of a shape; each call sets the addresses of its memory objects. */
typedef struct prepared {
    sn_gemm_shape shape;
    dnnl_primitive_t primitive;
    dnnl_memory_t memory[ARGUMENTS];
} prepared;

struct sn_matmul {
    dnnl_data_type_t type;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attributes;
    prepared *all; /* (room); count of them are used */
    size_t count, room;
    void *scratch; /* shared by all products */
    size_t scratch_bytes;
};

const char *sn_matmul_bf16_instructions(void)
{
    static const struct {
        dnnl_cpu_isa_t isa; /* all of these bits must be set */
        const char *name;
    } known[] = {
        {dnnl_cpu_isa_avx512_core_amx, "AMX"},
        {dnnl_cpu_isa_avx512_core_bf16, "AVX512-BF16"},
#if DNNL_VERSION_MAJOR > 3 || (DNNL_VERSION_MAJOR == 3 && DNNL_VERSION_MINOR >= 1)
        {dnnl_cpu_isa_avx2_vnni_2, "AVX2-VNNI-2"}
#endif
    };
    const unsigned has = (unsigned)dnnl_get_effective_cpu_isa();
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if ((has & (unsigned)known[i].isa) == (unsigned)known[i].isa) {
            return known[i].name;
        }
    }
    return NULL;
}

static sn_status failed(dnnl_status_t found, const sn_gemm_shape *s, sn_error *err)
{
    return sn_fail(err, found == dnnl_out_of_memory ? SN_ENOMEM : SN_EINTERNAL,
                   "matrix product (%zu x %zu x %zu, %s): oneDNN returned status %d",
                   s->m, s->n, s->k, sn_gemm_library(SN_BACKEND_ONEDNN), (int)found);
}

/* Dimensions and strides of A (m, k), B (k, n) and C (m, n). */
typedef struct layout {
    dnnl_dims_t dims[3], strides[3];
} layout;

static layout layout_of(const sn_gemm_shape *s)
{
    const dnnl_dim_t m = (dnnl_dim_t)s->m, n = (dnnl_dim_t)s->n, k = (dnnl_dim_t)s->k;
    const dnnl_dim_t lda = (dnnl_dim_t)s->lda, ldb = (dnnl_dim_t)s->ldb;
    return (layout){.dims = {{m, k}, {k, n}, {m, n}},
                    .strides = {{s->transpose_a ? 1 : lda, s->transpose_a ? lda : 1},
                                {s->transpose_b ? 1 : ldb, s->transpose_b ? ldb : 1},
                                {n, 1}}};
}

/* The next functions are all that differs between oneDNN 2 and 3.  describe makes the
 * description of a product. */
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t memory_description;

static dnnl_status_t describe(const sn_matmul *matmul, const layout *l,
                              dnnl_primitive_desc_t *description)
{
    const dnnl_data_type_t type[3] = {matmul->type, matmul->type, dnnl_f32};
    dnnl_memory_desc_t operand[3] = {NULL, NULL, NULL};
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < 3 && status == dnnl_success; i++) {
        status = dnnl_memory_desc_create_with_strides(&operand[i], 2, l->dims[i],
                                                      type[i], l->strides[i]);
    }
    if (status == dnnl_success) {
        status = dnnl_matmul_primitive_desc_create(description, matmul->engine,
                                                   operand[0], operand[1], NULL,
                                                   operand[2], matmul->attributes);
    }
    for (int i = 0; i < 3; i++) {
        if (operand[i] != NULL) {
            dnnl_memory_desc_destroy(operand[i]);
        }
    }
    return status;
}
#else
typedef const dnnl_memory_desc_t *memory_description;

/* oneDNN 2 can raise SIGILL in an AMX product with odd k (2.6.3: 80 x 10 x 63 on one
 * thread; 2.7.3: its issue 1661). */
static bool can_crash(const_dnnl_primitive_desc_t description, const layout *l)
{
    const char *name = "";
    return l->dims[0][1] % 2 != 0 &&
           dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0,
                                     (void *)&name) == dnnl_success &&
           strstr(name, "amx") != NULL;
}

/* Chooses the first safe implementation; oneDNN lists the fastest first. */
static dnnl_status_t choose(const sn_matmul *matmul, const layout *l,
                            const dnnl_matmul_desc_t *operation,
                            dnnl_primitive_desc_t *description)
{
    dnnl_primitive_desc_iterator_t at;
    dnnl_status_t status = dnnl_primitive_desc_iterator_create(
        &at, operation, matmul->attributes, matmul->engine, NULL);
    if (status != dnnl_success) {
        return status;
    }
    *description = dnnl_primitive_desc_iterator_fetch(at);
    while (*description != NULL && can_crash(*description, l)) {
        dnnl_primitive_desc_destroy(*description);
        status = dnnl_primitive_desc_iterator_next(at);
        *description =
            status == dnnl_success ? dnnl_primitive_desc_iterator_fetch(at) : NULL;
    }
    dnnl_primitive_desc_iterator_destroy(at);
    return *description != NULL || status != dnnl_success ? status : dnnl_out_of_memory;
}

static dnnl_status_t describe(const sn_matmul *matmul, const layout *l,
                              dnnl_primitive_desc_t *description)
{
    const dnnl_data_type_t type[3] = {matmul->type, matmul->type, dnnl_f32};
    dnnl_memory_desc_t operand[3];
    dnnl_matmul_desc_t operation;
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < 3 && status == dnnl_success; i++) {
        status = dnnl_memory_desc_init_by_strides(&operand[i], 2, l->dims[i], type[i],
                                                  l->strides[i]);
    }
    if (status == dnnl_success) {
        status = dnnl_matmul_desc_init(&operation, &operand[0], &operand[1], NULL,
                                       &operand[2]);
    }
    return status == dnnl_success ? choose(matmul, l, &operation, description) : status;
}
#endif

static void clear(prepared *p)
{
    for (int i = 0; i < ARGUMENTS; i++) {
        if (p->memory[i] != NULL) {
            dnnl_memory_destroy(p->memory[i]);
        }
    }
    if (p->primitive != NULL) {
        dnnl_primitive_destroy(p->primitive);
    }
}

static dnnl_status_t prepare(const sn_matmul *matmul, prepared *p,
                             size_t *scratch_bytes)
{
    const layout l = layout_of(&p->shape);
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = describe(matmul, &l, &description);
    if (status != dnnl_success) {
        return status;
    }
    for (int i = 0; i < ARGUMENTS && status == dnnl_success; i++) {
        const memory_description d =
            dnnl_primitive_desc_query_md(description, queries[i], 0);
        *scratch_bytes = dnnl_memory_desc_get_size(d); /* SCRATCH is the last */
        status = dnnl_memory_create(&p->memory[i], d, matmul->engine, DNNL_MEMORY_NONE);
    }
    if (status == dnnl_success) {
        status = dnnl_primitive_create(&p->primitive, description);
    }
    dnnl_primitive_desc_destroy(description);
    return status;
}

static sn_status make_room(sn_matmul *matmul, size_t scratch_bytes, sn_error *err)
{
    if (matmul->count == matmul->room) {
        const size_t room = 2 * matmul->room + 16;
        prepared *all = realloc(matmul->all, room * sizeof *all);
        if (all == NULL) {
            return sn_fail(err, SN_ENOMEM, "matrix products: out of memory");
        }
        matmul->all = all;
        matmul->room = room;
    }
    if (scratch_bytes > matmul->scratch_bytes) {
        free(matmul->scratch);
        matmul->scratch = sn_alloc(scratch_bytes, 1);
        matmul->scratch_bytes = matmul->scratch == NULL ? 0 : scratch_bytes;
        if (matmul->scratch == NULL) {
            return sn_fail(err, SN_ENOMEM,
                           "matrix products (%zu bytes of scratch): out of memory",
                           scratch_bytes);
        }
    }
    return SN_OK;
}

static bool same_shape(const sn_gemm_shape *a, const sn_gemm_shape *b)
{
    return a->transpose_a == b->transpose_a && a->transpose_b == b->transpose_b &&
           a->m == b->m && a->n == b->n && a->k == b->k && a->lda == b->lda &&
           a->ldb == b->ldb;
}

/* Returns the primitive of the shape; makes it if the shape is new.  The search is
 * short: a network has a few shapes per layer. */
static sn_status find(sn_matmul *matmul, const sn_gemm_shape *shape,
                      const prepared **found, sn_error *err)
{
    for (size_t i = 0; i < matmul->count; i++) {
        if (same_shape(&matmul->all[i].shape, shape)) {
            *found = &matmul->all[i];
            return SN_OK;
        }
    }
    prepared new = {.shape = *shape};
    size_t scratch_bytes = 0;
    const dnnl_status_t done = prepare(matmul, &new, &scratch_bytes);
    sn_status status = done == dnnl_success ? make_room(matmul, scratch_bytes, err)
                                            : failed(done, shape, err);
    if (status != SN_OK) {
        clear(&new);
        return status;
    }
    matmul->all[matmul->count] = new;
    *found = &matmul->all[matmul->count++];
    return SN_OK;
}

sn_status sn_matmul_run(sn_matmul *matmul, const sn_gemm_shape *shape, const void *a,
                        const void *b, sn_real *c, sn_error *err)
{
    const prepared *p;
    const sn_status status = find(matmul, shape, &p, err);
    if (status != SN_OK) {
        return status;
    }
    const void *address[ARGUMENTS] = {a, b, c, matmul->scratch};
    dnnl_exec_arg_t arguments[ARGUMENTS];
    dnnl_status_t done = dnnl_success;
    for (int i = 0; i < ARGUMENTS && done == dnnl_success; i++) {
        arguments[i] = (dnnl_exec_arg_t){names[i], p->memory[i]};
        /* oneDNN does not write to A and B */
        done = dnnl_memory_set_data_handle(p->memory[i], (void *)address[i]);
    }
    if (done == dnnl_success) {
        done =
            dnnl_primitive_execute(p->primitive, matmul->stream, ARGUMENTS, arguments);
    }
    if (done == dnnl_success) {
        done = dnnl_stream_wait(matmul->stream);
    }
    return done == dnnl_success ? SN_OK : failed(done, shape, err);
}

static sn_status open_engine(sn_matmul *matmul, sn_error *err)
{
    dnnl_status_t done = dnnl_engine_create(&matmul->engine, dnnl_cpu, 0);
    if (done == dnnl_success) {
        done = dnnl_stream_create(&matmul->stream, matmul->engine,
                                  dnnl_stream_default_flags);
    }
    if (done == dnnl_success) {
        done = dnnl_primitive_attr_create(&matmul->attributes);
    }
    if (done == dnnl_success) {
        done = dnnl_primitive_attr_set_scratchpad_mode(matmul->attributes,
                                                       dnnl_scratchpad_mode_user);
    }
    return done == dnnl_success
               ? SN_OK
               : sn_fail(err, SN_EINTERNAL, "cannot start oneDNN (%s): status %d",
                         sn_gemm_library(SN_BACKEND_ONEDNN), (int)done);
}

/* Checks that oneDNN has a product of this type for this CPU. */
static sn_status try_product(const sn_matmul *matmul, sn_error *err)
{
    const layout l =
        layout_of(&(sn_gemm_shape){.m = 16, .n = 16, .k = 16, .lda = 16, .ldb = 16});
    dnnl_primitive_desc_t description = NULL;
    if (describe(matmul, &l, &description) != dnnl_success) {
        return sn_fail(err, SN_ECONFIG,
                       "another version of oneDNN: %s, used by this build, has no "
                       "such product for this CPU",
                       sn_gemm_library(SN_BACKEND_ONEDNN));
    }
    dnnl_primitive_desc_destroy(description);
    return SN_OK;
}

sn_status sn_matmul_create(sn_matmul_type type, sn_matmul **matmul, sn_error *err)
{
    *matmul = NULL;
    if (type == SN_MATMUL_BF16 && sn_matmul_bf16_instructions() == NULL) {
        return sn_fail(err, SN_ECONFIG,
                       "AVX512-BF16 or AMX, not supported by this CPU");
    }
    sn_matmul *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return sn_fail(err, SN_ENOMEM, "matrix products: out of memory");
    }
    made->type = type == SN_MATMUL_BF16 ? dnnl_bf16 : dnnl_f32;
    sn_status status = open_engine(made, err);
    if (status == SN_OK && type == SN_MATMUL_BF16) {
        status = try_product(made, err);
    }
    if (status != SN_OK) {
        sn_matmul_destroy(&made);
    }
    *matmul = made;
    return status;
}

void sn_matmul_destroy(sn_matmul **matmul)
{
    sn_matmul *m = *matmul;
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->count; i++) {
        clear(&m->all[i]);
    }
    if (m->attributes != NULL) {
        dnnl_primitive_attr_destroy(m->attributes);
    }
    if (m->stream != NULL) {
        dnnl_stream_destroy(m->stream);
    }
    if (m->engine != NULL) {
        dnnl_engine_destroy(m->engine);
    }
    free(m->all);
    free(m->scratch);
    free(m);
    *matmul = NULL;
}

#else

const char *sn_matmul_bf16_instructions(void)
{
    return NULL;
}

sn_status sn_matmul_create(sn_matmul_type type, sn_matmul **matmul, sn_error *err)
{
    (void)type;
    *matmul = NULL;
    return sn_fail(err, SN_ECONFIG,
                   "oneDNN, not part of this build (Debian: libdnnl-dev; Spack: "
                   "onednn; EasyBuild: oneDNN)");
}

void sn_matmul_destroy(sn_matmul **matmul)
{
    *matmul = NULL;
}

sn_status sn_matmul_run(sn_matmul *matmul, const sn_gemm_shape *shape, const void *a,
                        const void *b, sn_real *c, sn_error *err)
{
    (void)matmul, (void)shape, (void)a, (void)b, (void)c;
    return sn_fail(err, SN_EINTERNAL, "%s", sn_status_text(SN_EINTERNAL));
}

#endif
