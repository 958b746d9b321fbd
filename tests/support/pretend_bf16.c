/* SPDX-License-Identifier: BSD-3-Clause */
/* Preloaded, lets oneDNN look as on a processor with bf16 instructions: products of
 * bf16 are described to it as products of float32, and their factors widened before
 * each.  So compute.precision = bf16 runs where the processor has none: all of it but
 * oneDNN's own bf16 code. */
#include <dlfcn.h>
#include <dnnl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool rounds; /* some description was of bf16 */

/* The function of that name behind this one. */
static void find(const char *name, void *function, size_t bytes)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    memcpy(function, &found, bytes); /* ISO C converts no pointers to functions */
}

dnnl_cpu_isa_t dnnl_get_effective_cpu_isa(void)
{
    return dnnl_cpu_isa_avx512_core_bf16;
}

#if DNNL_VERSION_MAJOR >= 3
#define DESCRIBE dnnl_memory_desc_create_with_strides
typedef const_dnnl_memory_desc_t description;
#else
#define DESCRIBE dnnl_memory_desc_init_by_strides
typedef const dnnl_memory_desc_t *description;
#endif
#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)

dnnl_status_t DESCRIBE(dnnl_memory_desc_t *made, int ndims, const dnnl_dims_t dims,
                       dnnl_data_type_t type, const dnnl_dims_t strides)
{
    dnnl_status_t (*real)(dnnl_memory_desc_t *, int, const dnnl_dims_t,
                          dnnl_data_type_t, const dnnl_dims_t);
    find(TEXT(DESCRIBE), &real, sizeof real);
    rounds = rounds || type == dnnl_bf16;
    return real(made, ndims, dims, type == dnnl_bf16 ? dnnl_f32 : type, strides);
}

static size_t size_of(const_dnnl_memory_t memory)
{
    description d;
    return dnnl_memory_get_memory_desc(memory, &d) == dnnl_success
               ? dnnl_memory_desc_get_size(d)
               : 0;
}

/* The caller frees it. */
static float *widened(const uint16_t *narrow, size_t count)
{
    float *wide = malloc(count * sizeof *wide);
    if (wide == NULL) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)narrow[i] << 16;
        memcpy(&wide[i], &bits, sizeof bits);
    }
    return wide;
}

dnnl_status_t dnnl_primitive_execute(const_dnnl_primitive_t primitive,
                                     dnnl_stream_t stream, int count,
                                     const dnnl_exec_arg_t *arguments)
{
    dnnl_status_t (*real)(const_dnnl_primitive_t, dnnl_stream_t, int,
                          const dnnl_exec_arg_t *);
    find("dnnl_primitive_execute", &real, sizeof real);
    float *wide[2] = {NULL, NULL};
    int used = 0;
    for (int i = 0; i < count && rounds && used < 2; i++) {
        const int what = arguments[i].arg;
        void *narrow;
        if ((what == DNNL_ARG_SRC || what == DNNL_ARG_WEIGHTS) &&
            dnnl_memory_get_data_handle(arguments[i].memory, &narrow) == dnnl_success) {
            wide[used] = widened(narrow, size_of(arguments[i].memory) / sizeof(float));
            if (dnnl_memory_set_data_handle(arguments[i].memory, wide[used++]) !=
                dnnl_success) {
                abort();
            }
        }
    }
    const dnnl_status_t status = real(primitive, stream, count, arguments);
    free(wide[0]);
    free(wide[1]);
    return status;
}
