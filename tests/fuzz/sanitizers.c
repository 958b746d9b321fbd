/* SPDX-License-Identifier: BSD-3-Clause */
/* What AddressSanitizer and LeakSanitizer ask a program at its start. */

const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

/* One allocation above the bound is an error; freed memory is not kept for long, so
 * that the resident size tells something. */
const char *__asan_default_options(void)
{
    return "max_allocation_size_mb=128:allocator_may_return_null=0:"
           "quarantine_size_mb=16";
}

/* HDF5 1.10 does not free an object header that turns out damaged: some hundred bytes
 * from its free lists for each, wherever they were allocated first.  The library alone
 * is named: nothing of our own is allocated below a call of it. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5\n";
}
