// Vectors of LANES floats in clang's own notation, so that each kernel is written once and compiled for each
// instruction set. The including file defines LANES, ISA(name) and, where the processor has it, HAS_FMA.
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../include/CKernels.h"

#define INLINE static inline __attribute__((always_inline))
// Begins where a cache line does: how fast a loop is depends on its place in one (7 % of a product), and that must not depend on
// what code of the program lies before it.
#define KERNEL static __attribute__((aligned(64)))

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef float vf_unaligned __attribute__((vector_size(4 * LANES), aligned(4)));

INLINE vf load(const float *p) { return *(const vf_unaligned *)p; }
INLINE void store(float *p, vf v) { *(vf_unaligned *)p = v; }
INLINE vf splat(float x) { return x - (vf){}; }
INLINE vf pick(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }

INLINE vf fma_vf(vf a, vf b, vf c) {
#ifdef HAS_FMA
    return __builtin_elementwise_fma(a, b, c);
#else
    return a * b + c;
#endif
}

INLINE float fma_f(float a, float b, float c) {
#ifdef HAS_FMA
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

// The sum of all lanes, halves upon halves.
INLINE float sum_vf(vf v) {
    typedef float v4 __attribute__((vector_size(16)));
#if LANES == 16
    typedef float v8 __attribute__((vector_size(32)));
    v8 e = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
           + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    v4 q = __builtin_shufflevector(e, e, 0, 1, 2, 3) + __builtin_shufflevector(e, e, 4, 5, 6, 7);
#elif LANES == 8
    v4 q = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
    v4 q = v;
#endif
    q += __builtin_shufflevector(q, q, 2, 3, 0, 1);
    return q[0] + q[1];
}

// exp(x) = 2^n e^r with n the nearest integer to x / ln 2 and |r| <= ln 2 / 2; ln 2 is split in two so that r is exact
// to float precision, and e^r is its Taylor series fitted to the interval (degree 7). 2^n is made in two halves, so
// that the results next to the largest float do not overflow on the way.
#define EXP_LOW -87.33654f
#define EXP_HIGH 88.72283f

INLINE vf exponent_vf(vf t) {
    vf shift = splat(12582912.0f);  // 1.5 * 2^23: adding and subtracting it rounds to an integer
    return fma_vf(t, splat(1.44269504088896341f), shift) - shift;
}

// e^t / 2^n.
INLINE vf power_vf(vf t, vf n) {
    vf r = fma_vf(n, splat(-0.693359375f), t);
    r = fma_vf(n, splat(2.12194440e-4f), r);
    vf p = splat(1.9875691500e-4f);
    p = fma_vf(p, r, splat(1.3981999507e-3f));
    p = fma_vf(p, r, splat(8.3334519073e-3f));
    p = fma_vf(p, r, splat(4.1665795894e-2f));
    p = fma_vf(p, r, splat(1.6666665459e-1f));
    p = fma_vf(p, r, splat(5.0000001201e-1f));
    return fma_vf(p, r * r, r) + 1.0f;
}

INLINE vf exp_vf(vf x) {
    vf low = splat(EXP_LOW), high = splat(EXP_HIGH);
    vi below = x < low, above = x > high;
    vf t = pick(below, low, pick(above, high, pick(x == x, x, (vf){})));
    vf n = exponent_vf(t), p = power_vf(t, n);
    vi whole = __builtin_convertvector(n, vi);
    vi half = whole >> 1;
    vi first = (half + 127) * (1 << 23), second = (whole - half + 127) * (1 << 23);
    vf y = p * (vf)first * (vf)second;
    y = pick(below, splat(0.0f), y);
    y = pick(above, splat(INFINITY), y);
    return pick(x == x, y, x);
}

// The bits of u / (1 + exp_vf(-1.702 u)) with half the work: below exp's range 1 + exp is 1 all the same, so only above it
// has to be told, and a NaN comes through u. 2^n is made as 2^(n-1), which does not overflow, and doubled.
INLINE vf quick_gelu_vf(vf u) {
    vf x = u * -1.702f, low = splat(EXP_LOW), high = splat(EXP_HIGH);
    vf t = pick(x > low, x, low);
    t = pick(t < high, t, high);
    vf n = exponent_vf(t);
    vi half = (__builtin_convertvector(n, vi) + 126) * (1 << 23);
    vf y = fma_vf(power_vf(t, n) * (vf)half, splat(2.0f), splat(1.0f));
    return u / pick(x > high, splat(INFINITY), y);
}

// Loads and stores of the first `count` lanes, for the columns past the last whole vector.
INLINE vf load_part(const float *p, ptrdiff_t count) {
    vf v = {};
    memcpy(&v, p, (size_t)count * sizeof(float));
    return v;
}
INLINE void store_part(float *p, vf v, ptrdiff_t count) { memcpy(p, &v, (size_t)count * sizeof(float)); }
INLINE vf get(const float *p, ptrdiff_t part) { return part == LANES ? load(p) : load_part(p, part); }
INLINE void put(float *p, vf v, ptrdiff_t part) {
    if (part == LANES) store(p, v);
    else store_part(p, v, part);
}
