/* SPDX-License-Identifier: BSD-3-Clause */
/* The comparison of two configurations: its differences, and values that are equal
 * although their texts differ. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"

static void ignore_difference(void *user, const char *section, const char *key,
                              const char *a, const char *b)
{
    (void)user, (void)section, (void)key, (void)a, (void)b;
}

static void numbers_with_other_digits_are_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *key, *a, *b;
        size_t differences;
    } cases[] = {{"[optimizer]\nlearning_rate", "0.050000000000000003", "0.05", 0},
                 {"[optimizer]\nlearning_rate", "0.05", "0.050000000000000017", 1},
                 {"[comm]\ntimeout_seconds", "0", "auto", 1},
                 {"[comm]\ntimeout_seconds", "auto", "0", 1},
                 {"[comm]\ntimeout_seconds", "auto", "auto", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char a[80], b[80];
        size_t count;
        sn_error err;
        snprintf(a, sizeof a, "%s = %s\n", cases[i].key, cases[i].a);
        snprintf(b, sizeof b, "%s = %s\n", cases[i].key, cases[i].b);
        assert_int_equal(sn_config_compare(a, b, ignore_difference, NULL, &count, &err),
                         SN_OK);
        assert_int_equal(count, cases[i].differences);
    }
}

/* Appends "section.key a b;" to a text. */
static void list_difference(void *user, const char *section, const char *key,
                            const char *a, const char *b)
{
    char *text = user;
    const size_t used = strlen(text);
    snprintf(text + used, 200 - used, "%s.%s %s %s;", section, key,
             a != NULL ? a : "none", b != NULL ? b : "none");
}

static void differences_of_both_sides_are_listed(void **state)
{
    (void)state;
    static const char a[] = "[one]\nx = 1\ny = 2\nonly = a\n[two]\nx = 5\n",
                      b[] = "[two]\nx = 6\nnew = b\n[one]\ny = 2\nx = 1\n";
    char found[200] = "";
    size_t count;
    sn_error err;
    assert_int_equal(sn_config_compare(a, b, list_difference, found, &count, &err),
                     SN_OK);
    assert_string_equal(found, "one.only a none;two.x 5 6;two.new none b;");
    assert_int_equal(count, 3);
    found[0] = '\0';
    assert_int_equal(sn_config_compare(b, b, list_difference, found, &count, &err),
                     SN_OK);
    assert_string_equal(found, "");
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_with_other_digits_are_the_same),
        cmocka_unit_test(differences_of_both_sides_are_listed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
