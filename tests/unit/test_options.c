/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line: tables of options and operands, refusals with similar names, help.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/text/near.h"
#include "cli/options.h"

typedef struct arguments {
    const char *from, *mode, *out;
    sn_words files;
    sn_list set, ranks;
    double seconds;
    uint64_t seed;
    int split;
    bool quiet;
} arguments;

static void print_keys(FILE *out)
{
    fputs("the keys\n", out);
}

static const char *const splits[] = {"test", "train", NULL};

static const sn_command copy = {
    .name = "group copy",
    .summary = "copies",
    .text = "Copies files.\n    FROM  FILE",
    .operands = {{SN_OPERAND("FROM", from, "a source")},
                 {SN_OPERAND("FILE", files, "files to read"), .many = true}},
    .options =
        {{SN_TEXT("output", "PATH", out, "the result"), .letter = 'o',
          .required = true},
         {SN_TEXT("set", "K=V", set, "an override"), .limit = SN_LIST_MAX},
         {SN_INTEGER("ranks", "N", 1, 1000000, ranks, "a column"), .limit = 3},
         {SN_TEXT("mode", "auto|PATH", mode, "with a value after = only"),
          .implied = "auto"},
         {SN_REAL("seconds", "S", 0.5, 10, seconds, "a time")},
         {SN_INTEGER("seed", "N", 0, (double)UINT64_MAX, seed, "a seed")},
         {SN_CHOICE("split", splits, split, "samples")},
         {SN_FLAG(
             "quiet", quiet,
             "print nothing; this help text is so long that it needs more than one "
             "line of a terminal of the usual width")},
         {SN_PRINT("keys", print_keys, "print the keys")}},
    .bytes = sizeof(arguments)};
static const sn_command bare = {
    .name = "group bare", .summary = "nothing", .text = "Nothing."};
static const sn_command group = {
    .name = "group", .summary = "both", .text = "A group.", .commands = {&copy, &bare}};

static char storage[4096];
static char *words[128];

/* Splits line at blanks; `~` is an empty word. */
static int split_words(const char *line)
{
    int count = 0;
    static char name[] = "copy";
    words[count++] = name;
    snprintf(storage, sizeof storage, "%s", line);
    for (char *word = strtok(storage, " "); word != NULL; word = strtok(NULL, " ")) {
        words[count++] = strcmp(word, "~") == 0 ? word + 1 : word;
    }
    words[count] = NULL;
    return count;
}

static sn_status parse(const sn_command *command, const char *line, arguments *given,
                       sn_error *err)
{
    *given = (arguments){.mode = "never", .seconds = 1};
    err->message[0] = '\0';
    return sn_options_parse(command, split_words(line), words, given, err);
}

static void values_reach_their_fields(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "a b c -o x --set k=1 --set l=2 --ranks 4 --ranks 8 --mode --seconds 2.5 "
        "--seed 18446744073709551615 --split train --quiet",
        "--quiet --output=x --set=k=1 a --set=l=2 --ranks=4 b --ranks=8 --mode=auto "
        "--seconds=2.5 --seed=18446744073709551615 --split=train c"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        static arguments given;
        sn_error err;
        assert_int_equal(parse(&copy, lines[i], &given, &err), SN_OK);
        assert_string_equal(given.from, "a");
        assert_int_equal(given.files.count, 2);
        assert_string_equal(given.files.word[0], "b");
        assert_string_equal(given.files.word[1], "c");
        assert_string_equal(given.out, "x");
        assert_int_equal(given.set.count, 2);
        assert_string_equal(given.set.value[0].text, "k=1");
        assert_string_equal(given.set.value[1].text, "l=2");
        assert_int_equal(given.ranks.count, 2);
        assert_int_equal(given.ranks.value[1].integer, 8);
        assert_string_equal(given.mode, "auto");
        assert_true(given.seconds == 2.5);
        assert_true(given.seed == UINT64_MAX);
        assert_int_equal(given.split, 1);
        assert_true(given.quiet);
    }
}

static void defaults_stay_and_the_last_value_wins(void **state)
{
    (void)state;
    static arguments given;
    sn_error err;
    assert_int_equal(parse(&copy, "a b -o x --output y", &given, &err), SN_OK);
    assert_string_equal(given.out, "y");
    assert_string_equal(given.mode, "never");
    assert_true(given.seconds == 1);
    assert_int_equal(given.split, 0);
    assert_false(given.quiet);
    assert_int_equal(parse(&copy, "a --mode b -o x --mode=path", &given, &err), SN_OK);
    assert_string_equal(given.mode, "path");
    assert_int_equal(given.files.count, 1);
}

static void bounds_belong_to_the_range(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "a b -o x --ranks 1 --ranks 1000000 --seconds 0.5",
        "a b -o x --seed 0 --seconds 10"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        static arguments given;
        sn_error err;
        assert_int_equal(parse(&copy, lines[i], &given, &err), SN_OK);
    }
}

static void options_end_at_two_dashes(void **state)
{
    (void)state;
    static arguments given;
    sn_error err;
    assert_int_equal(parse(&copy, "-o x - -- --quiet -- -h", &given, &err), SN_OK);
    assert_string_equal(given.from, "-");
    assert_int_equal(given.files.count, 3);
    assert_string_equal(given.files.word[0], "--quiet");
    assert_string_equal(given.files.word[1], "--");
    assert_false(given.quiet);
}

static void refusals_have_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"a b -o x --what", "unknown option (--what)"},
        {"a b -o x -x", "unknown option (-x)"},
        {"a b -ox", "unknown option (-ox)"},
        {"a b -o x --quite", "unknown option (--quite): did you mean --quiet?"},
        {"a b -o x -quiet", "unknown option (-quiet): did you mean --quiet?"},
        {"a b -o x --rank=3", "unknown option (--rank=3): did you mean --ranks?"},
        {"a b -o x --hlep", "unknown option (--hlep): did you mean --help?"},
        {"a b -o", "missing value (-o): PATH must follow"},
        {"a b -o x --set=", "missing value (--set=): K=V must follow"},
        {"a b --output ~", "missing value (--output): PATH must follow"},
        {"a b -o x --mode=", "missing value (--mode=): auto|PATH must follow"},
        {"a b -o x --quiet=1", "unexpected value (--quiet=1): --quiet has no value"},
        {"a b -o x --ranks 0",
         "wrong value (--ranks 0): it must be an integer in [1, 1000000]"},
        {"a b -o x --ranks 1000001", "wrong value (--ranks 1000001)"},
        {"a b -o x --seconds 0.49", "wrong value (--seconds 0.49)"},
        {"a b -o x --seconds 10.01", "wrong value (--seconds 10.01)"},
        {"a b -o x --ranks 1.5", "wrong value (--ranks 1.5)"},
        {"a b -o x --ranks -1", "wrong value (--ranks -1)"},
        {"a b -o x --seconds nan",
         "wrong value (--seconds nan): it must be a number in [0.5, 10]"},
        {"a b -o x --seconds 2s", "wrong value (--seconds 2s)"},
        {"a b -o x --seconds 11", "wrong value (--seconds 11)"},
        {"a b -o x --seed 18446744073709551616", "wrong value (--seed"},
        {"a b -o x --split all", "wrong value (--split all): it must be test or train"},
        {"a b -o x --ranks 1 --ranks 2 --ranks 3 --ranks 4",
         "too many values (--ranks 4): at most 3"},
        {"-o x", "missing argument (FROM)"},
        {"a -o x", "missing argument (FILE)"},
        {"~ b -o x", "empty argument (FROM)"},
        {"a b ~ c -o x", "empty argument (FILE)"},
        {"a -o x -- b ~", "empty argument (FILE)"},
        {"a b", "missing option (--output PATH)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static arguments given;
        sn_error err;
        assert_int_equal(parse(&copy, cases[i].line, &given, &err), SN_EUSAGE);
        if (strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0 ||
            strstr(err.message, "ee `shardnet group copy --help`") == NULL) {
            fail_msg("'%s': '%s'", cases[i].line, err.message);
        }
    }
    static arguments given;
    sn_error err;
    assert_int_equal(parse(&bare, "one", &given, &err), SN_EUSAGE);
    assert_string_equal(err.message,
                        "too many arguments (one); see `shardnet group bare --help`");
}

static void commands_are_found(void **state)
{
    (void)state;
    const sn_command *found = NULL;
    sn_error err;
    assert_int_equal(sn_options_find(&group, "copy", &found, &err), SN_OK);
    assert_ptr_equal(found, &copy);
    assert_int_equal(sn_options_find(&group, "cpoy", &found, &err), SN_EUSAGE);
    assert_string_equal(
        err.message,
        "unknown command (cpoy): did you mean copy? See `shardnet group --help`");
    assert_int_equal(sn_options_find(&group, "group copy", &found, &err), SN_EUSAGE);
}

static char *printed(const sn_command *command, const char *line, bool *asked)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    *asked = sn_options_print(command, split_words(line), words, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void help_is_printed_from_the_table(void **state)
{
    (void)state;
    bool asked;
    char *text = printed(&copy, "--nonsense -h", &asked);
    assert_true(asked);
    assert_memory_equal(text, "usage: shardnet group copy FROM FILE... -o PATH", 47);
    static const char *const parts[] = {"[--set K=V]...",
                                        "[--mode[=auto|PATH]]",
                                        "[--split test|train]",
                                        "\nCopies files.\n    FROM  FILE\n",
                                        "\n  FILE                      files to read\n",
                                        "\n  -o, --output PATH         the result\n",
                                        "\n  -h, --help "};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(text, parts[i]) == NULL) {
            fail_msg("no '%s' in\n%s", parts[i], text);
        }
    }
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_in_range(strcspn(line, "\n"), 0, 80);
    }
    free(text);
    text = printed(&group, "--help", &asked);
    assert_non_null(strstr(text, "\n  shardnet group bare       nothing\n"));
    free(text);
    text = printed(&copy, "a --keys", &asked);
    assert_string_equal(text, "the keys\n");
    free(text);
    text = printed(&copy, "a -o x -- --help --keys", &asked);
    assert_false(asked);
    assert_string_equal(text, "");
    free(text);
}

static void similar_names_differ_by_few_letters(void **state)
{
    (void)state;
    assert_int_equal(sn_near_distance("train", "train"), 0);
    assert_int_equal(sn_near_distance("tran", "train"), 1);
    assert_int_equal(sn_near_distance("trian", "train"), 1);
    assert_int_equal(sn_near_distance("traim", "train"), 1);
    assert_int_equal(sn_near_distance("trrain", "train"), 1);
    assert_int_equal(sn_near_distance("reproducibel", "reproducible"), 1);
    assert_true(sn_near_distance("fly", "plan") == SIZE_MAX);
    assert_true(sn_near_distance("", "a") == SIZE_MAX);
    char name[80];
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_true(sn_near_distance(name, name) == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_reach_their_fields),
        cmocka_unit_test(defaults_stay_and_the_last_value_wins),
        cmocka_unit_test(bounds_belong_to_the_range),
        cmocka_unit_test(options_end_at_two_dashes),
        cmocka_unit_test(refusals_have_one_form),
        cmocka_unit_test(commands_are_found),
        cmocka_unit_test(help_is_printed_from_the_table),
        cmocka_unit_test(similar_names_differ_by_few_letters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
