#include "base/unique.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/clock.h"

uint64_t sn_unique_key(void)
{
    uint64_t key = 0;
    const int source = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    const bool drawn = source >= 0 && read(source, &key, sizeof key) == sizeof key;
    if (source >= 0) {
        close(source);
    }
    return drawn ? key
                 : (uint64_t)(1e9 * sn_clock_seconds()) ^ (uint64_t)getpid() << 40;
}
