// C = g(A B + bias + residual), register-blocked.
//
// A tile of MR rows and NV vectors of columns stays in registers while k runs from end to end, so that each element of C
// is written once, with its epilogue. Each step loads NV vectors of B and broadcasts one float of each of the MR rows
// of A. B is packed in panels as wide as a tile (or read in place when it is an activation); a panel of the model's
// shapes (k up to 2,560) lies in the L2 cache while ROW_BLOCK rows of A pass over it. MR * NV accumulators, NV vectors
// of B and a broadcast fill the register file. Fewer rows than MR have a kernel of their own each.
#ifndef ROW_BLOCK
#define ROW_BLOCK 1024
#endif
#include "tile.h"

// Rows of A are reached from every third one by its stride and twice its stride, which x86 adds for nothing. `lines`
// cache lines of the next panel are fetched a step.
INLINE void run_tile(int rows, int whole, int lines, const struct panel *t, ptrdiff_t row, const float *ahead) {
    vf acc[MR][NV];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) acc[i][v] = (vf){};
    const float *from[(MR + 2) / 3], *b = t->b;
    ptrdiff_t k = t->k, a_stride = t->a_stride, b_stride = t->b_stride, columns = t->columns, step = t->ahead_step;
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i += 3) from[i / 3] = t->a + (row + i) * a_stride;
#pragma clang loop unroll(disable)
    for (ptrdiff_t p = 0; p < k; p++, b += b_stride) {
#pragma clang loop unroll(full)
        for (int line = 0; line < lines; line++) __builtin_prefetch(ahead + 16 * line, 0, 2);
        ahead += step;
        vf x[NV];
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) {
            ptrdiff_t left = columns - v * LANES;
            x[v] = whole || left >= LANES ? load(b + v * LANES) : left > 0 ? load_part(b + v * LANES, left) : (vf){};
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            vf y = splat(from[i / 3][i % 3 * a_stride]);
            if (i % 3 == 2 || i == rows - 1) from[i / 3]++;
#pragma clang loop unroll(full)
            for (int v = 0; v < NV; v++) acc[i][v] = fma_vf(y, x[v], acc[i][v]);
        }
    }
    finish_tile(rows, acc, t, row);
}

// The rows past the last whole tile, each number of them by a kernel of its own.
INLINE void run_rest(ptrdiff_t rows, int lines, const struct panel *t, ptrdiff_t row) {
    switch (rows) {
#if MR > 11
        case 11: run_tile(11, 1, lines, t, row, t->ahead); break;
#endif
#if MR > 10
        case 10: run_tile(10, 1, lines, t, row, t->ahead); break;
#endif
#if MR > 9
        case 9: run_tile(9, 1, lines, t, row, t->ahead); break;
#endif
#if MR > 8
        case 8: run_tile(8, 1, lines, t, row, t->ahead); break;
#endif
#if MR > 7
        case 7: run_tile(7, 1, lines, t, row, t->ahead); break;
#endif
#if MR > 6
        case 6: run_tile(6, 1, lines, t, row, t->ahead); break;
#endif
#if MR > 5
        case 5: run_tile(5, 1, lines, t, row, t->ahead); break;
#endif
#if MR > 4
        case 4: run_tile(4, 1, lines, t, row, t->ahead); break;
#endif
#if MR > 3
        case 3: run_tile(3, 1, lines, t, row, t->ahead); break;
#endif
#if MR > 2
        case 2: run_tile(2, 1, lines, t, row, t->ahead); break;
#endif
#if MR > 1
        case 1: run_tile(1, 1, lines, t, row, t->ahead); break;
#endif
    }
}

// The loops around the tiles, for packed (`b_stride` = PANEL, panels k * PANEL apart) and plain B (panels PANEL apart).
//
// Weights are larger than the caches, so the tiles of a panel fetch the next one, each an equal part of it: `share`
// floats a step, which is less than a cache line where there are more than a few tiles.
INLINE void run_product(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride, const float *b,
                        ptrdiff_t b_stride, ptrdiff_t panel_stride, int packed, float *c, ptrdiff_t c_stride,
                        const vg_epilogue *e) {
    struct panel t = {.k = k, .a = a, .a_stride = a_stride, .b_stride = b_stride, .c = c, .c_stride = c_stride, .e = e};
    for (ptrdiff_t top = 0; top < m; top += ROW_BLOCK) {
        ptrdiff_t bottom = top + ROW_BLOCK < m ? top + ROW_BLOCK : m, tiles = (bottom - top) / MR;
        ptrdiff_t share = !packed ? 0 : tiles > 1 ? (PANEL + tiles - 1) / tiles : PANEL;
        t.ahead_step = share;
        t.b = b;
        for (t.column = 0; t.column < n; t.column += PANEL, t.b += panel_stride) {
            t.columns = n - t.column < PANEL ? n - t.column : PANEL;
            t.ahead = t.b + panel_stride;
            ptrdiff_t row = top;
            if (packed || t.columns == PANEL) {
                const float *ahead = t.ahead;
                if (packed && share > 16)
                    for (; row + MR <= bottom; row += MR, ahead += k * share) run_tile(MR, 1, LINES, &t, row, ahead);
                else
                    for (; row + MR <= bottom; row += MR, ahead += k * share)
                        run_tile(MR, 1, packed ? 1 : 0, &t, row, ahead);
                if (packed && row == top) run_rest(bottom - row, LINES, &t, row);
                else run_rest(bottom - row, 0, &t, row);
            } else {
                for (; row < bottom; row++) run_tile(1, 0, 0, &t, row, t.b);
            }
        }
    }
}

KERNEL void ISA(product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride,
                         const float *packed, float *c, ptrdiff_t c_stride, const vg_epilogue *e) {
    run_product(m, n, k, a, a_stride, packed, PANEL, k * PANEL, 1, c, c_stride, e);
}

KERNEL void ISA(product_plain)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride,
                               const float *b, ptrdiff_t b_stride, float *c, ptrdiff_t c_stride,
                               const vg_epilogue *e) {
    run_product(m, n, k, a, a_stride, b, b_stride, PANEL, 0, c, c_stride, e);
}

// Dot products of rows with rows: a tile of 4 by 4 rows, vectors along k, summed across the lanes at the end.
INLINE void run_dots(int rows, int columns, ptrdiff_t k, const float *a, ptrdiff_t a_stride, const float *b,
                     ptrdiff_t b_stride, float scale, float *c, ptrdiff_t c_stride) {
    vf acc[4][4];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < columns; j++) acc[i][j] = (vf){};
    ptrdiff_t p = 0;
    for (; p < k; p += LANES) {
        ptrdiff_t part = k - p < LANES ? k - p : LANES;
        vf x[4];
#pragma clang loop unroll(full)
        for (int j = 0; j < columns; j++)
            x[j] = part == LANES ? load(b + j * b_stride + p) : load_part(b + j * b_stride + p, part);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            vf y = part == LANES ? load(a + i * a_stride + p) : load_part(a + i * a_stride + p, part);
#pragma clang loop unroll(full)
            for (int j = 0; j < columns; j++) acc[i][j] = fma_vf(y, x[j], acc[i][j]);
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < columns; j++) c[i * c_stride + j] = scale * sum_vf(acc[i][j]);
}

KERNEL void ISA(dots)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride, const float *b,
                      ptrdiff_t b_stride, float scale, float *c, ptrdiff_t c_stride) {
    for (ptrdiff_t i = 0; i < m; i += 4)
        for (ptrdiff_t j = 0; j < n; j += 4) {
            const float *ai = a + i * a_stride, *bj = b + j * b_stride;
            float *cij = c + i * c_stride + j;
            if (i + 4 <= m && j + 4 <= n) {
                run_dots(4, 4, k, ai, a_stride, bj, b_stride, scale, cij, c_stride);
                continue;
            }
            for (ptrdiff_t ii = 0; ii < 4 && i + ii < m; ii++)
                for (ptrdiff_t jj = 0; jj < 4 && j + jj < n; jj++)
                    run_dots(1, 1, k, ai + ii * a_stride, a_stride, bj + jj * b_stride, b_stride, scale,
                             cij + ii * c_stride + jj, c_stride);
        }
}
