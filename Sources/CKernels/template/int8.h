// C = g(A B + bias + residual) with B as 8-bit integers and a scale for each column, and each row of A as 8-bit codes as it
// comes: x = s (q - z), q from 0 to 255, with s and z so that the row's smallest and largest value, or 0, are the ends.
//
// The sums of products of integers are exact: up to k = 65,536 they can't leave 32 bits. So every instruction set has the
// same sums, and the same C where there is no activation. GROUP 4 multiplies bytes (codes stand as they are, and z times
// the column's sum of weights is taken away at the end), GROUP 2 numbers of 16 bits (q - z stands). The including file
// defines GROUP, WEIGHTS(p), a vector of groups as DOT(sums, row, weights) takes them.
//
// A panel ends with its columns' scales and sums.
#if GROUP == 4
typedef uint8_t NAME(code);
#ifdef DOT_SIGNED
#define CODE_SHIFT 128
#else
#define CODE_SHIFT 0
#endif
#else
typedef int16_t NAME(code);
#endif

INLINE ptrdiff_t NAME(panel_bytes)(ptrdiff_t k) {
    return (k + GROUP - 1) / GROUP * GROUP * PANEL + PANEL * (ptrdiff_t)(sizeof(float) + sizeof(int32_t));
}

KERNEL ptrdiff_t NAME(packed_bytes)(ptrdiff_t k, ptrdiff_t n) {
    return (n + PANEL - 1) / PANEL * NAME(panel_bytes)(k);
}

KERNEL void NAME(pack)(ptrdiff_t k, ptrdiff_t n, const float *b, ptrdiff_t row_stride, ptrdiff_t column_stride,
                       void *packed) {
    ptrdiff_t steps = (k + GROUP - 1) / GROUP;
    for (ptrdiff_t column = 0; column < n; column += PANEL) {
        int8_t *to = (int8_t *)packed + column / PANEL * NAME(panel_bytes)(k);
        float scales[PANEL] = {};
        int32_t sums[PANEL] = {};
        memset(to, 0, (size_t)(steps * GROUP * PANEL));
        for (ptrdiff_t j = 0; j < PANEL && column + j < n; j++) {
            const float *from = b + (column + j) * column_stride;
            float largest = 0, poison = 0;
            for (ptrdiff_t p = 0; p < k; p++) {
                float x = from[p * row_stride];
                largest = fabsf(x) > largest ? fabsf(x) : largest;
                poison += x * 0;
            }
            // A column that has something else than numbers gives nothing else either.
            scales[j] = largest / 127 + poison;
            if (!(largest > 1e-30f)) continue;
            for (ptrdiff_t p = 0; p < k; p++) {
                float q = (from[p * row_stride] / (largest / 127) + 12582912.0f) - 12582912.0f;
                int8_t w = q >= 127 ? 127 : q <= -127 ? -127 : q == q ? (int8_t)q : 0;
                to[(p / GROUP * PANEL + j) * GROUP + p % GROUP] = w;
                sums[j] += w;
            }
        }
        memcpy(to + steps * GROUP * PANEL, scales, sizeof scales);
        memcpy(to + steps * GROUP * PANEL + (ptrdiff_t)sizeof scales, sums, sizeof sums);
    }
}

// Scales and zeros of the rows, then the rows.
KERNEL ptrdiff_t NAME(scratch_bytes)(ptrdiff_t m, ptrdiff_t k) {
    ptrdiff_t codes = row_bytes((k + GROUP - 1) / GROUP * GROUP, (ptrdiff_t)sizeof(NAME(code)));
    return BLOCK * 8 + (m < BLOCK ? m : BLOCK) * codes;
}

INLINE void NAME(encode_row)(ptrdiff_t k, const float *x, NAME(code) *to, float *scale, int32_t *zero) {
    typedef NAME(code) codes __attribute__((vector_size(sizeof(NAME(code)) * LANES)));
    vf least = {}, most = {}, poison = {};
    for (ptrdiff_t p = 0; p < k; p += LANES) {
        vf v = get(x + p, k - p < LANES ? k - p : LANES);
        least = pick(v < least, v, least);
        most = pick(v > most, v, most);
        poison += v * 0.0f;
    }
    float low = 0, high = 0, bad = 0;
    for (int i = 0; i < LANES; i++) {
        low = least[i] < low ? least[i] : low;
        high = most[i] > high ? most[i] : high;
        bad += poison[i];
    }
    float range = high - low, inverse = range > 1e-30f ? 255 / range : 0;
    const float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, in the lowest bits
    const int32_t shift_bits = 0x4b400000;
    float rounded = shift - low * inverse;
    int32_t z;
    memcpy(&z, &rounded, sizeof z);
    z -= shift_bits;
    z = z < 0 ? 0 : z > 255 ? 255 : z;
    *scale = range / 255 + bad;
    *zero = z;
    vi bottom = splat_i(-z), top = splat_i(255 - z);
#if GROUP == 4
    vi offset = splat_i(z - CODE_SHIFT);
    *zero = z - CODE_SHIFT;
#else
    vi offset = {};
#endif
    for (ptrdiff_t p = 0; p < k; p += LANES) {
        ptrdiff_t part = k - p < LANES ? k - p : LANES;
        vf t = get(x + p, part) * inverse + shift;
        vi q = (vi)t - shift_bits;
        vi below = q < bottom, above = q > top;
        q = (below & bottom) | (above & top) | (~(below | above) & q);
        codes narrow = __builtin_convertvector(q + offset, codes);
        memcpy(to + p, &narrow, (size_t)part * sizeof *to);
    }
    for (ptrdiff_t p = k; p % GROUP; p++) to[p] = 0;
}

// What the tiles of one panel of columns have in common, beside those of product.h.
struct NAME(codes) {
    const char *rows;
    ptrdiff_t stride;
    const float *scales;
    const int32_t *zeros;
    const char *b;
    ptrdiff_t steps, share;
};

INLINE void NAME(run_tile)(int rows, const struct panel *t, const struct NAME(codes) *s, ptrdiff_t top, ptrdiff_t row,
                           const char *ahead) {
    vi acc[MR][NV];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) acc[i][v] = (vi){};
    const char *from[(MR + 2) / 3], *b = s->b;
    ptrdiff_t stride = s->stride, steps = s->steps, share = s->share;
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i += 3) from[i / 3] = s->rows + (row + i) * stride;
#pragma clang loop unroll(disable)
    for (ptrdiff_t step = 0; step < steps; step++, b += GROUP * PANEL, ahead += share) {
        __builtin_prefetch(ahead, 0, 2);
        vi x[NV];
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) x[v] = WEIGHTS(b + GROUP * LANES * v);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            vi y = splat_i(load_group(from[i / 3] + i % 3 * stride));
            if (i % 3 == 2 || i == rows - 1) from[i / 3] += 4;
#pragma clang loop unroll(full)
            for (int v = 0; v < NV; v++) acc[i][v] = DOT(acc[i][v], y, x[v]);
        }
    }
    vf sums[MR][NV];
#pragma clang loop unroll(full)
    for (int v = 0; v < NV; v++) {
        vf scale = (vf)load_i(b + 4 * LANES * v);
#if GROUP == 4
        vi column = load_i(b + 4 * PANEL + 4 * LANES * v);
#endif
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            vi sum = acc[i][v];
#if GROUP == 4
            sum -= column * s->zeros[row + i];
#endif
            sums[i][v] = __builtin_convertvector(sum, vf) * (scale * s->scales[row + i]);
        }
    }
    finish_tile(rows, sums, t, top + row);
}

KERNEL void NAME(product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride,
                          const void *packed, float *c, ptrdiff_t c_stride, const vg_epilogue *e, void *scratch) {
    struct panel t = {.k = k, .c = c, .c_stride = c_stride, .e = e};
    ptrdiff_t panel_bytes = NAME(panel_bytes)(k), steps = (k + GROUP - 1) / GROUP;
    float *scales = scratch;
    int32_t *zeros = (int32_t *)(scales + BLOCK);
    char *codes = (char *)(zeros + BLOCK);
    struct NAME(codes) s = {
        .rows = codes, .stride = row_bytes(steps * GROUP, (ptrdiff_t)sizeof(NAME(code))), .scales = scales,
        .zeros = zeros, .steps = steps};
    for (ptrdiff_t top = 0; top < m; top += BLOCK) {
        ptrdiff_t rows = m - top < BLOCK ? m - top : BLOCK, tiles = rows / MR;
        for (ptrdiff_t i = 0; i < rows; i++)
            NAME(encode_row)(k, a + (top + i) * a_stride, (NAME(code) *)(codes + i * s.stride), scales + i, zeros + i);
        s.share = tiles > 1 ? (GROUP * PANEL + tiles - 1) / tiles : GROUP * PANEL;
        s.b = packed;
        for (t.column = 0; t.column < n; t.column += PANEL, s.b += panel_bytes) {
            t.columns = n - t.column < PANEL ? n - t.column : PANEL;
            const char *ahead = s.b + panel_bytes;
            ptrdiff_t row = 0;
            for (; row + MR <= rows; row += MR, ahead += steps * s.share) NAME(run_tile)(MR, &t, &s, top, row, ahead);
#define RUN(count) NAME(run_tile)(count, &t, &s, top, row, s.b + panel_bytes)
            RUN_REST(rows - row, RUN)
#undef RUN
        }
    }
}

const vg_narrow NAME(vg_narrow) = {
    .name = NARROW_NAME,
    .panel = PANEL,
    .group = GROUP,
    .packed_bytes = NAME(packed_bytes),
    .pack = NAME(pack),
    .scratch_bytes = NAME(scratch_bytes),
    .product = NAME(product),
};
#undef CODE_SHIFT
