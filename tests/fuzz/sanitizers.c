/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of AddressSanitizer and LeakSanitizer; these call the functions at start. */

const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

/* An allocation above the limit is an error.  The quarantine of freed memory is small,
 * so that the resident size is meaningful. */
const char *__asan_default_options(void)
{
    return "max_allocation_size_mb=128:allocator_may_return_null=0:"
           "quarantine_size_mb=16";
}

/* HDF5 1.10 does not free a damaged object header: it leaks some hundred bytes of its
 * free lists, which any earlier call may have allocated.  The suppression names the
 * whole library, which never calls code of this project that allocates memory. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5\n";
}
