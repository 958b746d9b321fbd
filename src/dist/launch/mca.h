/** Defaults for Open MPI's parameters (MCA), below what the user or the site says. */
#ifndef SHARDNET_DIST_LAUNCH_MCA_H
#define SHARDNET_DIST_LAUNCH_MCA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sn_mca_setting {
    const char *name, *value;
    const char *unless; /* a parameter that leaves this one alone when it names what to
                           use (pml = cm, but not pml = ^ucx); or NULL */
} sn_mca_setting;

enum { SN_MCA_SETTINGS = 8, SN_MCA_BYTES = 256 };

/** What parameter files say of a setting. */
typedef struct sn_mca_found {
    bool set;                   /* leave it alone */
    char besides[SN_MCA_BYTES]; /* what a file excludes (mtl = ^ofi) and this setting,
                                   an exclusion too, shall exclude besides */
} sn_mca_found;

/** Puts OMPI_MCA_name=value into the environment for each of count (at most
 *  SN_MCA_SETTINGS) settings, but for those that the environment or a parameter file
 *  sets: $HOME/.openmpi/mca-params.conf and openmpi-mca-params.conf of the loaded
 *  library, or what OMPI_MCA_mca_base_param_files lists in their place.  (Open MPI
 * takes the environment's word before the files'.)  Exclusions are joined, since
 * Debian's file has some.  Before MPI starts; not collective. */
void sn_mca_set(const sn_mca_setting *settings, size_t count);

/** Adds to found (count) what the file at path says of the settings (count); earlier
 *  files win.  Lines are name = value, # begins a comment.  A file that cannot be read
 *  says nothing.  Not collective. */
void sn_mca_read(const char *path, const sn_mca_setting *settings, size_t count,
                 sn_mca_found *found);

#endif
