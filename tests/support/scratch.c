/* SPDX-License-Identifier: BSD-3-Clause */
#include "scratch.h"

#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

char folder[] = "test_folder.XXXXXX";
char path[sizeof folder + sizeof "/file"];

int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

int empty_folder(void **state)
{
    (void)state;
    DIR *listing = opendir(folder);
    if (listing == NULL) {
        return -1;
    }
    struct dirent *entry;
    while ((entry = readdir(listing)) != NULL) {
        char name[sizeof folder + sizeof entry->d_name];
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        remove(name);
    }
    return closedir(listing);
}

int remove_folder(void **state)
{
    return empty_folder(state) == 0 ? rmdir(folder) : -1;
}

void write_bytes(const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

size_t read_bytes(void *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t count = fread(bytes, 1, room, file);
    assert_int_equal(fclose(file), 0);
    assert_true(count < room);
    return count;
}
