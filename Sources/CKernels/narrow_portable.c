// Any processor: the tiles of portable.c.
#define LANES 4
#define MR 4
#define NV 2
#include "template/vector.h"
#include "template/narrow.h"

// Rounds A too, as the processors do that multiply pairs of bfloat16: what it differs by is the most that any does.
#define NAME(name) name##_bfloat16_portable
#define NARROW_NAME "portable"
#define DOT_BFLOAT16(sums, row, weights)                                                                               \
    ((sums) + (vf)((row) << 16) * (vf)((weights) << 16)                                                                \
     + (vf)((row) & (int32_t)0xffff0000) * (vf)((weights) & (int32_t)0xffff0000))
#include "template/bfloat16.h"
#undef NAME

typedef int8_t weight_pairs __attribute__((vector_size(2 * LANES), aligned(1)));
typedef int16_t code_pairs __attribute__((vector_size(4 * LANES)));

#define NAME(name) name##_int8_portable
#define GROUP 2
#define WEIGHTS(p) ((vi)__builtin_convertvector(*(const weight_pairs *)(p), code_pairs))
// The lower 16 bits of each lane, and the upper.
#define DOT(sums, row, weights)                                                                                        \
    ((sums) + (((row) << 16) >> 16) * (((weights) << 16) >> 16) + ((row) >> 16) * ((weights) >> 16))
#include "template/int8.h"
