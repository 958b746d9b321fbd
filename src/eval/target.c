#include "eval/target.h"

/* Who reads does not care why a folder cannot be read. */
static sn_status as_input(sn_status status)
{
    return status == SN_EIO ? SN_ENOINPUT : status;
}

sn_status sn_target_list(const char *run, int64_t **steps, size_t *count, sn_error *err)
{
    return as_input(sn_checkpoint_list(run, steps, count, err));
}

sn_status sn_target_find(const char *target, char path[SN_PATH_BYTES], sn_error *err)
{
    return as_input(sn_checkpoint_resolve(target, path, err));
}

bool sn_target_has_gone(const char *target, const char *path)
{
    return sn_is_folder(target) && !sn_file_exists(path);
}

sn_status sn_target_newest(const char *target, char path[SN_PATH_BYTES],
                           sn_target_use *use, void *user, sn_error *err)
{
    sn_status status = SN_OK;
    bool gone = true;
    for (int i = 0; gone && i < SN_TARGET_TRIES; i++) {
        status = sn_target_find(target, path, err);
        if (status != SN_OK) {
            return status;
        }
        status = use(path, user, err);
        gone = status != SN_OK && sn_target_has_gone(target, path);
    }
    return status;
}
