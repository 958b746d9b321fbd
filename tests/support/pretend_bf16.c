/* SPDX-License-Identifier: BSD-3-Clause */
/* A library for LD_PRELOAD that makes oneDNN appear to support bf16: it describes bf16
 * products to oneDNN as float32 products, and converts their operands before each call.
 * With it, tests run compute.precision = bf16 on every CPU; only the bf16 code of
 * oneDNN itself is not tested. */
#include <dlfcn.h>
#include <dnnl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool has_bf16; /* a description had the type bf16 */

/* Stores the next function with this name, which is that of oneDNN, in *function. */
static void find(const char *name, void *function, size_t bytes)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    memcpy(function, &found, bytes); /* ISO C has no cast to a pointer to a function */
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
    dnnl_status_t (*call)(dnnl_memory_desc_t *, int, const dnnl_dims_t,
                          dnnl_data_type_t, const dnnl_dims_t);
    find(TEXT(DESCRIBE), &call, sizeof call);
    has_bf16 = has_bf16 || type == dnnl_bf16;
    return call(made, ndims, dims, type == dnnl_bf16 ? dnnl_f32 : type, strides);
}

static size_t size_of(const_dnnl_memory_t memory)
{
    description d;
    return dnnl_memory_get_memory_desc(memory, &d) == dnnl_success
               ? dnnl_memory_desc_get_size(d)
               : 0;
}

/* Returns float32 values; the caller frees them. */
static float *to_float(const uint16_t *bf16, size_t count)
{
    float *real = malloc(count * sizeof *real);
    if (real == NULL) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)bf16[i] << 16;
        memcpy(&real[i], &bits, sizeof bits);
    }
    return real;
}

dnnl_status_t dnnl_primitive_execute(const_dnnl_primitive_t primitive,
                                     dnnl_stream_t stream, int count,
                                     const dnnl_exec_arg_t *arguments)
{
    dnnl_status_t (*call)(const_dnnl_primitive_t, dnnl_stream_t, int,
                          const dnnl_exec_arg_t *);
    find("dnnl_primitive_execute", &call, sizeof call);
    float *real[2] = {NULL, NULL};
    int used = 0;
    for (int i = 0; i < count && has_bf16 && used < 2; i++) {
        const int argument = arguments[i].arg;
        void *bf16;
        if ((argument == DNNL_ARG_SRC || argument == DNNL_ARG_WEIGHTS) &&
            dnnl_memory_get_data_handle(arguments[i].memory, &bf16) == dnnl_success) {
            real[used] = to_float(bf16, size_of(arguments[i].memory) / sizeof(float));
            if (dnnl_memory_set_data_handle(arguments[i].memory, real[used++]) !=
                dnnl_success) {
                abort();
            }
        }
    }
    const dnnl_status_t status = call(primitive, stream, count, arguments);
    free(real[0]);
    free(real[1]);
    return status;
}
