// C = A^T B (+ C): the gradient of weights, from what came in and what is to change going out.
//
// Rows of A and B are taken OUTER_ROWS at a time, and of C's rows OUTER_COLUMNS: that block of A is packed once, in strips
// as wide as a tile is high, and stays in the L2 cache while the panels of B pass over it, each packed into the L1 cache.
// The numbers of C that a tile adds to, and the next panel of B, are fetched before they are asked for. Strips and panels
// are zero beyond the last column, so that every number of C is the same chain of multiply-adds
// wherever its tile lies, and C can be computed in parts.
#define OUTER_ROWS 256
#define OUTER_COLUMNS (MR * ((256 + MR - 1) / MR))

INLINE void outer_strips(ptrdiff_t rows, ptrdiff_t columns, const float *a, ptrdiff_t a_stride, float *packed) {
    for (ptrdiff_t i = 0; i < columns; i += MR) {
        ptrdiff_t part = columns - i < MR ? columns - i : MR;
        const float *from = a + i;
        if (part == MR)
            for (ptrdiff_t p = 0; p < rows; p++, from += a_stride, packed += MR) memcpy(packed, from, MR * sizeof(float));
        else
            for (ptrdiff_t p = 0; p < rows; p++, from += a_stride, packed += MR)
                for (ptrdiff_t r = 0; r < MR; r++) packed[r] = r < part ? from[r] : 0;
    }
}

INLINE void outer_panel(ptrdiff_t rows, ptrdiff_t columns, const float *b, ptrdiff_t b_stride, float *packed) {
    for (ptrdiff_t p = 0; p < rows; p++, b += b_stride, packed += PANEL) {
#pragma clang loop unroll(full)
        for (int line = 0; line < LINES; line++) __builtin_prefetch(b + PANEL + 16 * line, 0, 2);
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) {
            ptrdiff_t left = columns - v * LANES;
            store(packed + v * LANES, left >= LANES ? load(b + v * LANES)
                                      : left > 0   ? load_part(b + v * LANES, left)
                                                   : (vf){});
        }
    }
}

INLINE void outer_tile(ptrdiff_t k, const float *a, const float *b, int adds, ptrdiff_t rows, ptrdiff_t columns, float *c,
                       ptrdiff_t c_stride) {
    vf acc[MR][NV];
#pragma clang loop unroll(full)
    for (int i = 0; i < MR; i++) {
#pragma clang loop unroll(full)
        for (int line = 0; line < LINES; line++) __builtin_prefetch(c + i * c_stride + 16 * line, 1, 3);
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) acc[i][v] = (vf){};
    }
#pragma clang loop unroll(disable)
    for (ptrdiff_t p = 0; p < k; p++, a += MR, b += PANEL) {
        vf x[NV];
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) x[v] = load(b + v * LANES);
#pragma clang loop unroll(full)
        for (int i = 0; i < MR; i++) {
            vf y = splat(a[i]);
#pragma clang loop unroll(full)
            for (int v = 0; v < NV; v++) acc[i][v] = fma_vf(y, x[v], acc[i][v]);
        }
    }
    if (rows == MR && columns == PANEL) {
#pragma clang loop unroll(full)
        for (int i = 0; i < MR; i++)
#pragma clang loop unroll(full)
            for (int v = 0; v < NV; v++) {
                float *to = c + i * c_stride + v * LANES;
                store(to, adds ? load(to) + acc[i][v] : acc[i][v]);
            }
        return;
    }
    vf sums[MR][NV];
#pragma clang loop unroll(full)
    for (int i = 0; i < MR; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) sums[i][v] = acc[i][v];
#pragma clang loop unroll(disable)
    for (ptrdiff_t i = 0; i < rows; i++)
#pragma clang loop unroll(disable)
        for (ptrdiff_t v = 0; v * LANES < columns; v++) {
            ptrdiff_t part = columns - v * LANES < LANES ? columns - v * LANES : LANES;
            float *to = c + i * c_stride + v * LANES;
            put(to, adds ? get(to, part) + sums[i][v] : sums[i][v], part);
        }
}

KERNEL void ISA(outer)(ptrdiff_t m, ptrdiff_t k, ptrdiff_t n, const float *a, ptrdiff_t a_stride, const float *b,
                       ptrdiff_t b_stride, int adds, float *c, ptrdiff_t c_stride, float *scratch) {
    float *strips = scratch + OUTER_ROWS * PANEL;
    for (ptrdiff_t top = 0; top < m; top += OUTER_ROWS) {
        ptrdiff_t rows = m - top < OUTER_ROWS ? m - top : OUTER_ROWS;
        for (ptrdiff_t left = 0; left < k; left += OUTER_COLUMNS) {
            ptrdiff_t width = k - left < OUTER_COLUMNS ? k - left : OUTER_COLUMNS;
            outer_strips(rows, width, a + top * a_stride + left, a_stride, strips);
            for (ptrdiff_t j = 0; j < n; j += PANEL) {
                ptrdiff_t columns = n - j < PANEL ? n - j : PANEL;
                outer_panel(rows, columns, b + top * b_stride + j, b_stride, scratch);
                for (ptrdiff_t i = 0; i < width; i += MR)
                    outer_tile(rows, strips + i * rows, scratch, adds || top > 0, width - i < MR ? width - i : MR,
                               columns, c + (left + i) * c_stride + j, c_stride);
            }
        }
    }
}
