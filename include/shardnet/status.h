/* SPDX-License-Identifier: BSD-3-Clause */
/** Status codes and error messages.  A function that can fail returns an sn_status
 *  and writes one line of detail into the caller's sn_error. */
#ifndef SHARDNET_STATUS_H
#define SHARDNET_STATUS_H

/* Columns: name, exit code (sysexits.h; 1 as diff(1) has it), short text.  Rows are in
 * order of severity: if the statuses of the ranks differ, all ranks return the last of
 * them in this table. */
#define SN_STATUS_TABLE(X)                                                             \
    X(SN_OK, 0, "success")                                                             \
    X(SN_EDIFFERENT, 1, "`diff` found a difference")                                   \
    X(SN_ESTOPPED, 75, "stopped early on request")                                     \
    X(SN_EBUSY, 75, "output locked; try again later")                                  \
    X(SN_EUSAGE, 64, "wrong command line")                                             \
    X(SN_ECONFIG, 78, "configuration error")                                           \
    X(SN_ENOINPUT, 66, "input not found or unreadable")                                \
    X(SN_EDATA, 65, "input data malformed")                                            \
    X(SN_ECREATE, 73, "output cannot be created")                                      \
    X(SN_EIO, 74, "input/output error")                                                \
    X(SN_ETAKEN, 74, "output taken over by another job")                               \
    X(SN_EDIVERGED, 76, "training diverged")                                           \
    X(SN_ERANGE, 70, "a size exceeds the limit of a library call")                     \
    X(SN_ENOMEM, 70, "out of memory")                                                  \
    X(SN_EINTERNAL, 70, "internal error")                                              \
    X(SN_EMPI, 70, "MPI failure")

#ifdef __cplusplus
extern "C" {
#endif

#define SN_STATUS_ENUM(name, code, text) name,
typedef enum sn_status { SN_STATUS_TABLE(SN_STATUS_ENUM) SN_STATUS_COUNT } sn_status;
#undef SN_STATUS_ENUM

#if defined(__GNUC__)
#define SN_MUST_CHECK __attribute__((warn_unused_result))
#define SN_PRINTF(format_index, first_index)                                           \
    __attribute__((format(printf, format_index, first_index)))
/* SN_API marks a function that the shared library exports; all others are hidden. */
#define SN_API __attribute__((visibility("default")))
#else
#define SN_MUST_CHECK
#define SN_PRINTF(format_index, first_index)
#define SN_API
#endif

enum { SN_MESSAGE_BYTES = 1024, SN_PATH_BYTES = 4096 };

/** The detail of a failure: "WHAT (WHERE): WHY; what to do", one line, no newline. */
typedef struct sn_error {
    char message[SN_MESSAGE_BYTES];
} sn_error;

/** Writes the formatted detail into err (may be NULL) and returns status, so that a
 *  function can end in `return sn_fail(err, SN_EDATA, ...)`.  A newline in an argument
 *  is written as a space. */
SN_API sn_status sn_fail(sn_error *err, sn_status status, const char *format, ...)
    SN_PRINTF(3, 4);
#ifdef __clang_analyzer__ /* which does not see the body of sn_fail */
#define sn_fail(err, status, ...) ((void)sn_fail(err, status, __VA_ARGS__), (status))
#endif

/** Returns the exit code of a process: 0 for SN_OK, 1 for SN_EDIFFERENT, else a code
 *  from sysexits.h. */
SN_API int sn_status_exit_code(sn_status status);

/** Returns the short text of a status; never NULL. */
SN_API const char *sn_status_text(sn_status status);

#ifdef __cplusplus
}
#endif

#endif
