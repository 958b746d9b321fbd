/* SPDX-License-Identifier: BSD-3-Clause */
/* sn_html_text escapes markup and turns every byte sequence into valid UTF-8. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/html.h"
#include "support.h"

static void assert_page(const char *text, size_t bytes, const char *expected)
{
    char *written = NULL;
    size_t length;
    FILE *out = open_memstream(&written, &length);
    assert_non_null(out);
    sn_html_text(out, text, bytes);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(written, expected);
    free(written);
}

static void markup_is_escaped(void **state)
{
    (void)state;
    assert_page("", 0, "");
    assert_page("plain text 1.5 %", 99, "plain text 1.5 %");
    assert_page("<a href='x' b=\"y\">&amp;</a>", 99,
                "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;amp;&lt;/a&gt;");
    assert_page("a\tb\nc\rd\x01\x7f", 99, "a\tb\nc&#65533;d&#65533;&#65533;");
}

/* The text needs no terminating zero; nothing after bytes is read. */
static void the_length_is_respected(void **state)
{
    (void)state;
    const char host[4] = {'a', 'b', 'c', 'd'};
    assert_page(host, sizeof host, "abcd");
    assert_page("abcd", 2, "ab");
    assert_page("a\xc3\xa4", 2, "a&#65533;");
}

static void invalid_utf8_is_replaced(void **state)
{
    (void)state;
    static const char *const good[] = {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                       "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_page(good[i], 99, good[i]);
    }
    /* overlong twice, surrogate, beyond U+10FFFF, lone continuation byte, invalid first
     * byte, cut off */
    static const char *const bad[] = {
        "\xc0\xbc", "\xe0\x80\xbc", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xbc",     "\xff",         "\xc3<"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[128] = "";
        for (const char *c = bad[i]; *c != '\0'; c++) {
            strcat(expected, *c == '<' ? "&lt;" : "&#65533;");
        }
        assert_page(bad[i], 99, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markup_is_escaped),
        cmocka_unit_test(the_length_is_respected),
        cmocka_unit_test(invalid_utf8_is_replaced),
    };
    return cmocka_run_group_tests_name("html", tests, NULL, NULL);
}
