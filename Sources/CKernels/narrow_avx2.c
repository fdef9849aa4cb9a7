// x86-64 with AVX2 and FMA, and with AVX-VNNI beside them: the tiles of avx2.c.
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LANES 8
#define MR 6
#define NV 2
#define HAS_FMA
#include "template/vector.h"
#include "template/narrow.h"

#define NAME(name) name##_bfloat16_avx2
#define NARROW_NAME "avx2"
#include "template/bfloat16.h"
#undef NAME

// Sums of pairs of products of 16 bits can't saturate, as those of bytes by vpmaddubsw can.
#define NAME(name) name##_int8_avx2
#define GROUP 2
#define WEIGHTS(p) ((vi)_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p))))
#define DOT(sums, row, weights) ((sums) + (vi)_mm256_madd_epi16((__m256i)(row), (__m256i)(weights)))
#include "template/int8.h"
#undef NAME
#undef NARROW_NAME
#undef GROUP
#undef WEIGHTS
#undef DOT
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx2,fma,avxvnni"))), apply_to = function)
#define NAME(name) name##_int8_avxvnni
#define NARROW_NAME "avxvnni"
#define GROUP 4
#define WEIGHTS(p) load_i(p)
#define DOT(sums, row, weights) ((vi)_mm256_dpbusd_avx_epi32((__m256i)(sums), (__m256i)(row), (__m256i)(weights)))
#include "template/int8.h"
#pragma clang attribute pop
#endif
