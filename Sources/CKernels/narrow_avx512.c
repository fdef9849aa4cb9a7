// x86-64 with AVX-512, and with its extensions BF16 and VNNI: the tiles of avx512.c.
#if defined(__x86_64__)
#include <immintrin.h>
#define AVX512 "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"
#pragma clang attribute push(__attribute__((target(AVX512))), apply_to = function)
#define LANES 16
#define MR 12
#define NV 2
#define HAS_FMA
#include "template/vector.h"
#include "template/narrow.h"

#define NAME(name) name##_bfloat16_avx512
#define NARROW_NAME "avx512"
#include "template/bfloat16.h"
#undef NAME

#define NAME(name) name##_int8_avx512
#define GROUP 2
#define WEIGHTS(p) ((vi)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(p))))
#define DOT(sums, row, weights) ((sums) + (vi)_mm512_madd_epi16((__m512i)(row), (__m512i)(weights)))
#include "template/int8.h"
#undef NAME
#undef NARROW_NAME
#undef GROUP
#undef WEIGHTS
#undef DOT
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target(AVX512 ",avx512bf16"))), apply_to = function)
#define NAME(name) name##_bfloat16_avx512bf16
#define NARROW_NAME "avx512bf16"
#define DOT_BFLOAT16(sums, row, weights) ((vf)_mm512_dpbf16_ps((__m512)(sums), (__m512bh)(row), (__m512bh)(weights)))
#include "template/bfloat16.h"
#undef NAME
#undef NARROW_NAME
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target(AVX512 ",avx512vnni"))), apply_to = function)
#define NAME(name) name##_int8_avx512vnni
#define NARROW_NAME "avx512vnni"
#define GROUP 4
#define WEIGHTS(p) load_i(p)
#define DOT(sums, row, weights) ((vi)_mm512_dpbusd_epi32((__m512i)(sums), (__m512i)(row), (__m512i)(weights)))
#include "template/int8.h"
#pragma clang attribute pop
#endif
