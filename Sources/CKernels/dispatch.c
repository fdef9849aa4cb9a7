// Which kernels this processor can run, and the packing that all of them share.
#include <string.h>

#include "include/CKernels.h"

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

ptrdiff_t vg_packed_count(ptrdiff_t k, ptrdiff_t n, ptrdiff_t panel) { return (n + panel - 1) / panel * panel * k; }

void vg_pack(ptrdiff_t k, ptrdiff_t n, const float *b, ptrdiff_t row_stride, ptrdiff_t column_stride, ptrdiff_t panel,
             float *packed) {
    for (ptrdiff_t column = 0; column < n; column += panel) {
        ptrdiff_t columns = n - column < panel ? n - column : panel;
        for (ptrdiff_t p = 0; p < k; p++, packed += panel) {
            const float *from = b + p * row_stride + column * column_stride;
            for (ptrdiff_t j = 0; j < columns; j++) packed[j] = from[j * column_stride];
            for (ptrdiff_t j = columns; j < panel; j++) packed[j] = 0;
        }
    }
}
