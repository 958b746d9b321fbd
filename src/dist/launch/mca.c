#define _GNU_SOURCE /* dladdr */
#include "dist/launch/mca.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line of a file, in place. */
typedef struct assignment {
    const char *name, *value;
} assignment;

/* False for a line that assigns nothing. */
static bool split(char *line, assignment *a)
{
    char *name = line + strspn(line, " \t");
    char *end = name + strcspn(name, " \t=#\n");
    char *value = end + strspn(end, " \t");
    if (*value != '=' || end == name) {
        return false;
    }
    value += 1 + strspn(value + 1, " \t");
    value[strcspn(value, " \t#\n")] = '\0';
    *end = '\0';
    *a = (assignment){name, value};
    return true;
}

static void consider(const assignment *a, const sn_mca_setting *setting,
                     sn_mca_found *found)
{
    if (setting->unless != NULL && strcmp(a->name, setting->unless) == 0) {
        found->set = found->set || a->value[0] != '^';
    }
    if (strcmp(a->name, setting->name) != 0 || found->set ||
        found->besides[0] != '\0') {
        return;
    }
    found->set = setting->value[0] != '^' || a->value[0] != '^' ||
                 strlen(a->value) >= sizeof found->besides;
    if (!found->set) {
        strcpy(found->besides, a->value + 1);
    }
}

void sn_mca_read(const char *path, const sn_mca_setting *settings, size_t count,
                 sn_mca_found *found)
{
    char line[1024];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return;
    }
    for (bool begins = true, ends; fgets(line, sizeof line, file) != NULL;
         begins = ends) {
        assignment a;
        ends = strchr(line, '\n') != NULL;
        if (begins && split(line, &a)) {
            for (size_t i = 0; i < count; i++) {
                consider(&a, &settings[i], &found[i]);
            }
        }
    }
    (void)fclose(file);
}

static void read_in(const char *folder, const char *rest,
                    const sn_mca_setting *settings, size_t count, sn_mca_found *found)
{
    char path[PATH_MAX];
    const int length =
        folder == NULL ? -1 : snprintf(path, sizeof path, "%s/%s", folder, rest);
    if (length >= 0 && (size_t)length < sizeof path) {
        sn_mca_read(path, settings, count, found);
    }
}

/* The folder etc lies beside one of those above the library. */
static void read_of_library(const sn_mca_setting *settings, size_t count,
                            sn_mca_found *found)
{
    static const char file[] = "etc/openmpi-mca-params.conf";
    Dl_info library;
    void *symbol = dlsym(RTLD_DEFAULT, "MPI_Init");
    char *folder = symbol != NULL && dladdr(symbol, &library) != 0
                       ? realpath(library.dli_fname, NULL)
                       : NULL;
    for (char *end; folder != NULL && (end = strrchr(folder, '/')) != NULL;) {
        *end = '\0';
        read_in(folder, file, settings, count, found);
    }
    free(folder);
    read_in(getenv("OPAL_PREFIX"), file, settings, count, found);
    sn_mca_read("/etc/openmpi/openmpi-mca-params.conf", settings, count, found);
}

static void read_list(const char *list, const sn_mca_setting *settings, size_t count,
                      sn_mca_found *found)
{
    char path[PATH_MAX];
    while (*list != '\0') {
        const size_t length = strcspn(list, ",:");
        if (length < sizeof path) {
            memcpy(path, list, length);
            path[length] = '\0';
            sn_mca_read(path, settings, count, found);
        }
        list += length + (list[length] != '\0');
    }
}

/* The environment's word of a parameter, NULL for none, and its name there. */
static const char *variable_of(const char *name, char variable[SN_MCA_BYTES])
{
    snprintf(variable, SN_MCA_BYTES, "OMPI_MCA_%s", name);
    return getenv(variable);
}

static void set(const sn_mca_setting *setting, const char *besides)
{
    char variable[SN_MCA_BYTES], value[2 * SN_MCA_BYTES];
    const char *other =
        setting->unless == NULL ? NULL : variable_of(setting->unless, variable);
    if ((other == NULL || other[0] == '^') &&
        variable_of(setting->name, variable) == NULL) {
        snprintf(value, sizeof value, "%s%s%s", setting->value,
                 besides[0] == '\0' ? "" : ",", besides);
        setenv(variable, value, 1);
    }
}

void sn_mca_set(const sn_mca_setting *settings, size_t count)
{
    sn_mca_found found[SN_MCA_SETTINGS] = {{.set = false}};
    const char *list = getenv("OMPI_MCA_mca_base_param_files");
    if (list != NULL) {
        read_list(list, settings, count, found);
    } else {
        read_in(getenv("HOME"), ".openmpi/mca-params.conf", settings, count, found);
        read_of_library(settings, count, found);
    }
    for (size_t i = 0; i < count; i++) {
        if (!found[i].set) {
            set(&settings[i], found[i].besides);
        }
    }
}
