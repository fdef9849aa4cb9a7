// Resizes for each instruction set, chosen at run time.
#include "include/CPixels.h"

#define PIXELS(name) name##_portable
#include "template/pixels.h"
#undef PIXELS

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define PIXELS(name) name##_avx2
#include "template/pixels.h"
#undef PIXELS
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx2"))), apply_to = function)
#define PIXELS(name) name##_avx512
#include "template/pixels.h"
#undef PIXELS
#pragma clang attribute pop

static int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
}

#define CALL(name, ...)                                            \
    if (has_avx512()) name##_avx512(__VA_ARGS__);                  \
    else if (__builtin_cpu_supports("avx2")) name##_avx2(__VA_ARGS__); \
    else name##_portable(__VA_ARGS__)
#else
#define CALL(name, ...) name##_portable(__VA_ARGS__)
#endif

void vg_resize_across(ptrdiff_t rows, ptrdiff_t pixels, const uint8_t *from, ptrdiff_t from_stride, const vg_taps *taps,
                      uint8_t *to, ptrdiff_t to_stride, uint8_t *scratch) {
    CALL(across, rows, pixels, from, from_stride, taps, to, to_stride, scratch);
}

void vg_resize_down(ptrdiff_t bytes, ptrdiff_t count, const uint8_t *from, ptrdiff_t from_stride, const int32_t *weights,
                    uint8_t *to) {
    CALL(down, bytes, count, from, from_stride, weights, to);
}

void vg_bilinear_across(ptrdiff_t pixels, const uint8_t *row, const int32_t *left, const int32_t *right,
                        const int16_t *u, const int16_t *v, int16_t *to) {
    CALL(bilinear_across, pixels, row, left, right, u, v, to);
}

void vg_bilinear_down(ptrdiff_t count, const int16_t *top, const int16_t *bottom, int32_t u, int32_t v, uint8_t *to) {
    CALL(bilinear_down, count, top, bottom, u, v, to);
}

void vg_chroma_across(ptrdiff_t count, const uint8_t *row, const int32_t *firsts, const int32_t *weights, int16_t *to) {
    CALL(chroma_across, count, row, firsts, weights, to);
}

void vg_colours_down(ptrdiff_t pixels, const uint8_t *luma, const int16_t *const *u, const int16_t *const *v,
                     const int32_t *weights, const vg_colours *colours, uint8_t *to) {
    CALL(colours_down, pixels, luma, u, v, weights, colours, to);
}

void vg_mirror(ptrdiff_t pixels, const uint8_t *from, uint8_t *to) {
    for (ptrdiff_t i = 0; i < pixels; i++) {
        const uint8_t *p = from + 3 * (pixels - 1 - i);
        to[3 * i] = p[0], to[3 * i + 1] = p[1], to[3 * i + 2] = p[2];
    }
}
