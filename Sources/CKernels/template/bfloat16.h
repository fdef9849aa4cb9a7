// C = g(A B + bias + residual) with B rounded to bfloat16, the upper half of a float32.
//
// Two ways. Where the processor multiplies pairs of bfloat16 (DOT_BFLOAT16), A is rounded too. Else B is widened again, a
// shift or a mask a vector, and A stays float32: the bits are those of the float32 product with the same rounded B. Pairs
// along k stand side by side in both, so what is packed for one serves the other.
#define GROUP 2

// To the nearest, halves to even; a NaN stays one.
INLINE uint16_t NAME(rounded)(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 64);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

KERNEL ptrdiff_t NAME(packed_bytes)(ptrdiff_t k, ptrdiff_t n) {
    return (n + PANEL - 1) / PANEL * PANEL * ((k + 1) / 2) * 4;
}

KERNEL void NAME(pack)(ptrdiff_t k, ptrdiff_t n, const float *b, ptrdiff_t row_stride, ptrdiff_t column_stride,
                       void *packed) {
    uint16_t *to = packed;
    for (ptrdiff_t column = 0; column < n; column += PANEL)
        for (ptrdiff_t p = 0; p < k; p += 2)
            for (ptrdiff_t j = column; j < column + PANEL; j++)
                for (ptrdiff_t i = p; i < p + 2; i++)
                    *to++ = j < n && i < k ? NAME(rounded)(b[i * row_stride + j * column_stride]) : 0;
}

#ifdef DOT_BFLOAT16

KERNEL ptrdiff_t NAME(scratch_bytes)(ptrdiff_t m, ptrdiff_t k) {
    return (m < BLOCK ? m : BLOCK) * row_bytes((k + 1) / 2 * 2, 2);
}

INLINE void NAME(round_row)(ptrdiff_t k, const float *x, uint16_t *to) {
    typedef uint16_t half __attribute__((vector_size(2 * LANES), aligned(2)));
    typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
    for (ptrdiff_t p = 0; p < k; p += LANES) {
        ptrdiff_t part = k - p < LANES ? k - p : LANES;
        vf v = get(x + p, part);
        vu bits = (vu)v, up = bits + 0x7fff + (bits >> 16 & 1);
        vi ordinary = v == v;
        vu y = ((vu)ordinary & up) >> 16 | ((vu)~ordinary & (bits | 0x400000)) >> 16;
        half narrow = __builtin_convertvector(y, half);
        memcpy(to + p, &narrow, (size_t)part * sizeof *to);
    }
    if (k % 2) to[k] = 0;
}

INLINE void NAME(run_tile)(int rows, const struct panel *t, ptrdiff_t row, const char *a, ptrdiff_t stride,
                           const char *b, const char *ahead, ptrdiff_t share) {
    vf acc[MR][NV];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) acc[i][v] = (vf){};
    const char *from[(MR + 2) / 3];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i += 3) from[i / 3] = a + i * stride;
    ptrdiff_t k = t->k;
#pragma clang loop unroll(disable)
    for (ptrdiff_t p = 0; p < k; p += 2, b += 4 * PANEL, ahead += share) {
        __builtin_prefetch(ahead, 0, 2);
        vi x[NV];
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) x[v] = load_i(b + 4 * LANES * v);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            vi y = splat_i(load_group(from[i / 3] + i % 3 * stride));
            if (i % 3 == 2 || i == rows - 1) from[i / 3] += 4;
#pragma clang loop unroll(full)
            for (int v = 0; v < NV; v++) acc[i][v] = DOT_BFLOAT16(acc[i][v], y, x[v]);
        }
    }
    finish_tile(rows, acc, t, row);
}

#else

KERNEL ptrdiff_t NAME(scratch_bytes)(ptrdiff_t m, ptrdiff_t k) { return 0; }

INLINE void NAME(multiply)(int rows, vf acc[MR][NV], const float *const from[(MR + 2) / 3], ptrdiff_t at,
                           ptrdiff_t stride, const vf x[NV]) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        vf y = splat(from[i / 3][i % 3 * stride + at]);
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) acc[i][v] = fma_vf(y, x[v], acc[i][v]);
    }
}

INLINE void NAME(run_tile)(int rows, const struct panel *t, ptrdiff_t row, const float *a, ptrdiff_t stride,
                           const char *b, const char *ahead, ptrdiff_t share) {
    vf acc[MR][NV];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) acc[i][v] = (vf){};
    const float *from[(MR + 2) / 3];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i += 3) from[i / 3] = a + i * stride;
    ptrdiff_t left = t->k;
    vf x[NV];
#pragma clang loop unroll(disable)
    for (; left > 1; left -= 2, b += 4 * PANEL, ahead += share) {
        __builtin_prefetch(ahead, 0, 2);
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) x[v] = (vf)(load_i(b + 4 * LANES * v) << 16);
        NAME(multiply)(rows, acc, from, 0, stride, x);
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) x[v] = (vf)(load_i(b + 4 * LANES * v) & (int32_t)0xffff0000);
        NAME(multiply)(rows, acc, from, 1, stride, x);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i += 3) from[i / 3] += 2;
    }
    if (left) {
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) x[v] = (vf)(load_i(b + 4 * LANES * v) << 16);
        NAME(multiply)(rows, acc, from, 0, stride, x);
    }
    finish_tile(rows, acc, t, row);
}

#endif

KERNEL void NAME(product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride,
                          const void *packed, float *c, ptrdiff_t c_stride, const vg_epilogue *e, void *scratch) {
    struct panel t = {.k = k, .c = c, .c_stride = c_stride, .e = e};
    ptrdiff_t panel_bytes = (k + 1) / 2 * 4 * PANEL;
    for (ptrdiff_t top = 0; top < m; top += BLOCK) {
        ptrdiff_t rows = m - top < BLOCK ? m - top : BLOCK, tiles = rows / MR;
#ifdef DOT_BFLOAT16
        ptrdiff_t stride = row_bytes((k + 1) / 2 * 2, 2);
        const char *from = scratch;
        for (ptrdiff_t i = 0; i < rows; i++)
            NAME(round_row)(k, a + (top + i) * a_stride, (uint16_t *)((char *)scratch + i * stride));
#else
        ptrdiff_t stride = a_stride;
        const float *from = a + top * a_stride;
#endif
        ptrdiff_t share = tiles > 1 ? (4 * PANEL + tiles - 1) / tiles : 4 * PANEL;
        const char *b = packed;
        for (t.column = 0; t.column < n; t.column += PANEL, b += panel_bytes) {
            t.columns = n - t.column < PANEL ? n - t.column : PANEL;
            const char *ahead = b + panel_bytes;
            ptrdiff_t row = 0;
            for (; row + MR <= rows; row += MR, ahead += (k + 1) / 2 * share)
                NAME(run_tile)(MR, &t, top + row, from + row * stride, stride, b, ahead, share);
#define RUN(count) NAME(run_tile)(count, &t, top + row, from + row * stride, stride, b, b + panel_bytes, share)
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
#undef GROUP
