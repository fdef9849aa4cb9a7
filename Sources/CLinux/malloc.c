#include "CLinux.h"

#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>

void vigil_keep_memory(int mapped, int kept, int arenas)
{
    mallopt(M_MMAP_THRESHOLD, mapped);
    mallopt(M_TRIM_THRESHOLD, kept);
    mallopt(M_ARENA_MAX, arenas);
}

void vigil_give_back_memory(void)
{
    malloc_trim(0);
}
#else
void vigil_keep_memory(int mapped, int kept, int arenas)
{
    (void)mapped;
    (void)kept;
    (void)arenas;
}

void vigil_give_back_memory(void)
{
}
#endif
