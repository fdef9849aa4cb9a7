// CRC-32 by the carry-less product, where the processor has it.
#include "include/CKernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// A register of 128 bits is moved on over so many bits by two products: its lower half, which comes first, with x to the
// power of bits + 32, its upper half with bits - 32, both modulo the polynomial and with the lowest power last.
#define OVER_512_BITS _mm_set_epi64x(0x1c6e41596, 0x154442bd4)
#define OVER_128_BITS _mm_set_epi64x(0x0ccaa009e, 0x1751997d0)

__attribute__((target("pclmul"))) static inline __m128i move(__m128i sum, __m128i powers, __m128i next) {
    __m128i lower = _mm_clmulepi64_si128(sum, powers, 0x00), upper = _mm_clmulepi64_si128(sum, powers, 0x11);
    return _mm_xor_si128(_mm_xor_si128(lower, upper), next);
}

__attribute__((target("pclmul"))) static size_t fold(const uint8_t *bytes, size_t count, uint32_t sum,
                                                     uint8_t *folded) {
    const __m128i *next = (const __m128i *)bytes, *end = next + count / 64 * 4;
    __m128i a = _mm_xor_si128(_mm_loadu_si128(next), _mm_cvtsi32_si128((int)~sum));
    __m128i b = _mm_loadu_si128(next + 1), c = _mm_loadu_si128(next + 2), d = _mm_loadu_si128(next + 3);
    const __m128i over512 = OVER_512_BITS, over128 = OVER_128_BITS;
    for (next += 4; next < end; next += 4) {
        a = move(a, over512, _mm_loadu_si128(next));
        b = move(b, over512, _mm_loadu_si128(next + 1));
        c = move(c, over512, _mm_loadu_si128(next + 2));
        d = move(d, over512, _mm_loadu_si128(next + 3));
    }
    a = move(move(move(a, over128, b), over128, c), over128, d);
    _mm_storeu_si128((__m128i *)folded, a);
    return count / 64 * 64;
}

size_t vg_crc32_fold(const uint8_t *bytes, size_t count, uint32_t sum, uint8_t *folded) {
    return count >= 64 && __builtin_cpu_supports("pclmul") ? fold(bytes, count, sum, folded) : 0;
}
#else
size_t vg_crc32_fold(const uint8_t *bytes, size_t count, uint32_t sum, uint8_t *folded) {
    (void)bytes, (void)count, (void)sum, (void)folded;
    return 0;
}
#endif
