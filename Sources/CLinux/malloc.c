#include "CLinux.h"

#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>

void vigil_map_large_blocks(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }
#else
void vigil_map_large_blocks(int bytes) { (void)bytes; }
#endif
