/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: configuration files, --set, and comparison. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"

static void ignore(void *user, const char *section, const char *key, const char *a,
                   const char *b)
{
    (void)user;
    if (section == NULL || key == NULL || (a == NULL && b == NULL)) {
        fuzz_never("a difference without a key");
    }
}

/* Checks that the text of an accepted configuration reads back as the same text. */
static void check_round_trip(const sn_config *config)
{
    sn_error err = {""};
    if (!fuzz_accepts(sn_config_check(config, &err), SN_ECONFIG, &err)) {
        return;
    }
    sn_config *again = malloc(sizeof *again);
    char *text = sn_config_text(config);
    if (again == NULL || text == NULL) {
        fuzz_never("no memory");
    }
    sn_config_init(again);
    if (sn_config_parse(again, text, "round trip", &err) != SN_OK) {
        fuzz_never("the written text is rejected: %s", err.message);
    }
    char *second = sn_config_text(again);
    if (second == NULL || strcmp(text, second) != 0) {
        fuzz_never("a round trip changes\n%s\nto\n%s", text, second);
    }
    free(second);
    free(text);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > FUZZ_BYTES_MAX) {
        return 0;
    }
    sn_error err = {""};
    size_t differences;
    sn_config *config = malloc(sizeof *config);
    char *text = malloc(size + 1);
    if (config == NULL || text == NULL) {
        fuzz_never("no memory");
    }
    memcpy(text, data, size);
    text[size] = '\0';
    sn_config_init(config);
    if (fuzz_accepts(sn_config_parse(config, text, "fuzz", &err), SN_ECONFIG, &err)) {
        check_round_trip(config);
    }
    if (fuzz_accepts(sn_config_set(config, text, &err), SN_ECONFIG, &err)) {
        check_round_trip(config);
    }
    char *effective = sn_config_text(config);
    if (effective == NULL) {
        fuzz_never("no memory");
    }
    fuzz_accepts(sn_config_compare(effective, text, ignore, NULL, &differences, &err),
                 SN_OK, &err);
    free(effective);
    free(text);
    free(config);
    return 0;
}

#define LONG   "123456789/123456789/123456789/123456789/123456789/123456789/123456789"
#define WIDTHS "1000000, 2000000, 3000000, 4000000, 5000000, 6000000, 7000000, "

static const char *const seeds[] = {
    "[data]\nsource = synthetic\nvalidation = 100\n\n[model]\nhidden = 30, 20\n"
    "activation = relu\ndropout_hidden = 0.5\n",
    "; a comment\n[optimizer]\nlearning_rate = 1e-3\nmomentum_kind = nesterov\n"
    "schedule = step\n[train]\nepochs = 3\nbatch = 64\nseed = 7\n",
    "\xef\xbb\xbf[augment]\nkind=elastic\nsigma: 6\n[compute]\nthreads = auto\n",
    "model.hidden=100,100,10",
    "optimizer.learning_rate=0.25",
    "data.dir=/a path/" LONG "/#x;/=" LONG "/[data]:" LONG "// " LONG ";z#",
    "model.hidden=" WIDTHS WIDTHS WIDTHS "1000000",
    "[data]\nsource = synthetic\ndir = /a\n    /b/" LONG "\n    /" LONG "\n",
};

uint8_t *fuzz_seed(size_t number, size_t *size)
{
    enum { WRITTEN = sizeof seeds / sizeof seeds[0] };
    char *text = NULL;
    if (number < WRITTEN) {
        text = strdup(seeds[number]);
    } else if (number == WRITTEN) {
        sn_config *config = malloc(sizeof *config);
        if (config != NULL) {
            sn_config_init(config);
            text = sn_config_text(config);
        }
        free(config);
    } else {
        return NULL;
    }
    if (text == NULL) {
        fuzz_never("no memory");
    }
    *size = strlen(text);
    return (uint8_t *)text;
}

void fuzz_repair(uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
}
