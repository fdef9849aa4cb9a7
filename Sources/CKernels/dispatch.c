// Which kernels this processor can run, and the packing that all of them share.
#include <sched.h>
#include <string.h>

#include "include/CKernels.h"
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
// HWCAP_ASIMDDP
#define HAS_DOT ((getauxval(AT_HWCAP) >> 20 & 1) != 0)
#elif defined(__ARM_FEATURE_DOTPROD)
#define HAS_DOT 1
#else
#define HAS_DOT 0
#endif

extern const vg_kernels vg_kernels_portable;
#if defined(__x86_64__)
extern const vg_kernels vg_kernels_avx2, vg_kernels_avx512;
#elif defined(__aarch64__)
extern const vg_kernels vg_kernels_neon;
#endif

const vg_kernels *vg_kernels_for(vg_isa isa) {
    switch (isa) {
        case VG_PORTABLE: return &vg_kernels_portable;
#if defined(__x86_64__)
        case VG_AVX2:
            return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &vg_kernels_avx2 : NULL;
        case VG_AVX512:
            return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
                           && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")
                       ? &vg_kernels_avx512
                       : NULL;
#elif defined(__aarch64__)
        case VG_NEON: return &vg_kernels_neon;
#endif
        default: return NULL;
    }
}

extern const vg_narrow vg_narrow_bfloat16_portable, vg_narrow_int8_portable;
#if defined(__x86_64__)
extern const vg_narrow vg_narrow_bfloat16_avx2, vg_narrow_int8_avx2, vg_narrow_int8_avxvnni;
extern const vg_narrow vg_narrow_bfloat16_avx512, vg_narrow_bfloat16_avx512bf16;
extern const vg_narrow vg_narrow_int8_avx512, vg_narrow_int8_avx512vnni;
#elif defined(__aarch64__)
extern const vg_narrow vg_narrow_bfloat16_neon, vg_narrow_int8_neon, vg_narrow_int8_neondot;
#endif

// The table with an extension, where it is there, before the one without.
static const vg_narrow *choose(int index, int extended, const vg_narrow *extension, const vg_narrow *plain) {
    if (extended && index == 0) return extension;
    return index == (extended ? 1 : 0) ? plain : NULL;
}

const vg_narrow *vg_narrow_for(vg_isa isa, vg_precision precision, int index) {
    if (!vg_kernels_for(isa)) return NULL;
    int whole = precision == VG_INT8;
    switch (isa) {
        case VG_PORTABLE: return choose(index, 0, NULL, whole ? &vg_narrow_int8_portable : &vg_narrow_bfloat16_portable);
#if defined(__x86_64__)
        case VG_AVX2:
            if (!whole) return choose(index, 0, NULL, &vg_narrow_bfloat16_avx2);
            return choose(index, __builtin_cpu_supports("avxvnni") != 0, &vg_narrow_int8_avxvnni, &vg_narrow_int8_avx2);
        case VG_AVX512:
            if (!whole)
                return choose(index, __builtin_cpu_supports("avx512bf16") != 0, &vg_narrow_bfloat16_avx512bf16,
                              &vg_narrow_bfloat16_avx512);
            return choose(index, __builtin_cpu_supports("avx512vnni") != 0, &vg_narrow_int8_avx512vnni,
                          &vg_narrow_int8_avx512);
#elif defined(__aarch64__)
        case VG_NEON:
            if (!whole) return choose(index, 0, NULL, &vg_narrow_bfloat16_neon);
            return choose(index, HAS_DOT, &vg_narrow_int8_neondot, &vg_narrow_int8_neon);
#endif
        default: return NULL;
    }
}

ptrdiff_t vg_packed_count(ptrdiff_t k, ptrdiff_t n, ptrdiff_t panel) { return (n + panel - 1) / panel * panel * k; }

void vg_pack(ptrdiff_t k, ptrdiff_t n, const float *b, ptrdiff_t row_stride, ptrdiff_t column_stride, ptrdiff_t panel,
             float *packed) {
    vg_pack_panels(k, n, b, row_stride, column_stride, panel, 0, (n + panel - 1) / panel, packed);
}

// Sixteen rows at a time: where the rows are what lies side by side, a cache line is read once and not sixteen times.
void vg_pack_panels(ptrdiff_t k, ptrdiff_t n, const float *b, ptrdiff_t row_stride, ptrdiff_t column_stride,
                    ptrdiff_t panel, ptrdiff_t first, ptrdiff_t last, float *packed) {
    for (ptrdiff_t at = first; at < last; at++) {
        ptrdiff_t column = at * panel, columns = n - column < panel ? n - column : panel;
        const float *from = b + column * column_stride;
        float *to = packed + column * k;
        for (ptrdiff_t top = 0; top < k; top += 16) {
            ptrdiff_t rows = k - top < 16 ? k - top : 16;
            float *block = to + top * panel;
            if (column_stride == 1)
                for (ptrdiff_t p = 0; p < rows; p++)
                    memcpy(block + p * panel, from + (top + p) * row_stride, (size_t)columns * sizeof(float));
            else
                for (ptrdiff_t j = 0; j < columns; j++)
                    for (ptrdiff_t p = 0; p < rows; p++)
                        block[p * panel + j] = from[(top + p) * row_stride + j * column_stride];
            for (ptrdiff_t p = 0; p < rows; p++)
                for (ptrdiff_t j = columns; j < panel; j++) block[p * panel + j] = 0;
        }
    }
}

void vg_wait(ptrdiff_t waits) {
    if (waits >= 1000) {
        sched_yield();
        return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}
