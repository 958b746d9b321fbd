/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/text/shell.h"

#include <string.h>

const char *sn_shell_quote(const char *word, char quoted[SN_QUOTED_BYTES])
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789%+,-./:=@_";
    char *to = quoted;
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        return strcpy(quoted, word);
    }
    *to++ = '\'';
    for (; *word != '\0'; word++) {
        if (*word == '\'') {
            to = stpcpy(to, "'\\'");
        }
        *to++ = *word;
    }
    strcpy(to, "'");
    return quoted;
}
