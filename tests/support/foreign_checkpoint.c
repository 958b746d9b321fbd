/* SPDX-License-Identifier: BSD-3-Clause */
/* foreign_checkpoint FROM TO [velocity]: copies a checkpoint as a later version of the
 * program would write it, with a key that this version does not know; or, with the word
 * velocity, as this version writes it, with another first velocity in the last bias. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "store/checkpoint/checkpoint.h"

static const char first[] = "[future]\nspeed = 12\n\n";

static sn_status copy(const char *from, const char *to, bool velocity, sn_error *err)
{
    sn_checkpoint_state state;
    sn_status status = sn_checkpoint_load(from, &state, err);
    if (status == SN_OK && velocity) {
        state.layers[state.info.layers - 1].bias_velocity[0] += 1;
        status = sn_checkpoint_write(to, &state.info, state.layers, NULL, err);
    } else if (status == SN_OK) {
        char *text = state.info.config_text;
        const size_t more = sizeof first - 1;
        memmove(text + more, text, strlen(text) + 1);
        memcpy(text, first, more);
        strcpy(state.info.program_version, "9.8.7");
        status = sn_checkpoint_write(to, &state.info, state.layers, NULL, err);
    }
    sn_checkpoint_state_clear(&state);
    return status;
}

int main(int argc, char **argv)
{
    sn_error err = {""};
    const bool velocity = argc == 4 && strcmp(argv[3], "velocity") == 0;
    if (argc != 3 && !velocity) {
        fprintf(stderr, "usage: foreign_checkpoint FROM TO [velocity]\n");
        return 64;
    }
    const sn_status status = copy(argv[1], argv[2], velocity, &err);
    if (status != SN_OK) {
        fprintf(stderr, "%s\n", err.message);
    }
    return sn_status_exit_code(status);
}
