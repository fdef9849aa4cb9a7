#ifndef ALLOCATION_COUNT_H
#define ALLOCATION_COUNT_H

#include <stdbool.h>
#include <stdint.h>

/// Calls of malloc and its kin by this thread since it began.
uint64_t allocation_count(void);

/// Whether calls are counted in this build: not under a sanitizer, which replaces malloc itself, nor outside glibc.
bool allocation_count_works(void);

#endif
