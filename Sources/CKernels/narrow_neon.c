// AArch64, and with its dot products of bytes: the tiles of neon.c.
#if defined(__aarch64__)
#include <arm_neon.h>
#define LANES 4
#define MR 8
#define NV 3
#define HAS_FMA
#include "template/vector.h"
#include "template/narrow.h"

#define NAME(name) name##_bfloat16_neon
#define NARROW_NAME "neon"
#include "template/bfloat16.h"
#undef NAME

#define NAME(name) name##_int8_neon
#define GROUP 2
#define WEIGHTS(p) ((vi)vmovl_s8(vld1_s8((const int8_t *)(p))))
#define DOT(sums, row, weights) pairs((sums), (int16x8_t)(row), (int16x8_t)(weights))
INLINE vi pairs(vi sums, int16x8_t row, int16x8_t weights) {
    int32x4_t low = vmull_s16(vget_low_s16(row), vget_low_s16(weights));
    return sums + (vi)vpaddq_s32(low, vmull_high_s16(row, weights));
}
#include "template/int8.h"
#undef NAME
#undef NARROW_NAME
#undef GROUP
#undef WEIGHTS
#undef DOT

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define NAME(name) name##_int8_neondot
#define NARROW_NAME "neondot"
#define GROUP 4
#define DOT_SIGNED
#define WEIGHTS(p) load_i(p)
#define DOT(sums, row, weights) ((vi)vdotq_s32((int32x4_t)(sums), (int8x16_t)(row), (int8x16_t)(weights)))
#include "template/int8.h"
#pragma clang attribute pop
#endif
