/* SPDX-License-Identifier: BSD-3-Clause */
#include "shardnet/status.h"

#include <stdarg.h>
#include <stdio.h>

#define SN_STATUS_ROW(name, code, text) {code, text},
static const struct {
    int exit_code;
    const char *text;
} status_table[] = {SN_STATUS_TABLE(SN_STATUS_ROW)};

sn_status(sn_fail)(sn_error *err, sn_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(err->message, sizeof err->message, format, arguments);
        va_end(arguments);
        for (char *c = err->message; *c != '\0'; c++) {
            if (*c == '\n' || *c == '\r') {
                *c = ' ';
            }
        }
    }
    return status;
}

int sn_status_exit_code(sn_status status)
{
    return (unsigned)status < SN_STATUS_COUNT ? status_table[status].exit_code : 70;
}

const char *sn_status_text(sn_status status)
{
    return (unsigned)status < SN_STATUS_COUNT ? status_table[status].text : "unknown";
}
