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
#define PANEL (LANES * NV)

INLINE void finish_tile(int rows, vf acc[MR][NV], float *c, ptrdiff_t c_stride, ptrdiff_t row, ptrdiff_t column,
                        ptrdiff_t columns, const vg_epilogue *e) {
    for (int v = 0; v < NV; v++) {
        ptrdiff_t at = column + v * LANES, left = columns - v * LANES;
        if (left <= 0) return;
        ptrdiff_t part = left < LANES ? left : LANES;
        vf bias = !e->bias ? (vf){} : part == LANES ? load(e->bias + at) : load_part(e->bias + at, part);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            vf y = acc[i][v] + bias;
            if (e->residual) {
                const float *r = e->residual + (row + i) * e->residual_stride + at;
                y += part == LANES ? load(r) : load_part(r, part);
            }
            if (e->quick_gelu) y = quick_gelu_vf(y);
            float *out = c + (row + i) * c_stride + at;
            if (part == LANES) store(out, y);
            else store_part(out, y, part);
        }
    }
}

INLINE void run_tile(int rows, ptrdiff_t k, const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride,
                     float *c, ptrdiff_t c_stride, ptrdiff_t row, ptrdiff_t column, ptrdiff_t columns, int whole,
                     const float *ahead, const vg_epilogue *e) {
    vf acc[MR][NV];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) acc[i][v] = (vf){};
    a += row * a_stride;
    for (ptrdiff_t p = 0; p < k; p++, b += b_stride) {
        vf x[NV];
        if (ahead) {
#pragma clang loop unroll(full)
            for (int line = 0; line < PANEL; line += 16) __builtin_prefetch(ahead + p * PANEL + line, 0, 2);
        }
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) {
            ptrdiff_t left = columns - v * LANES;
            x[v] = whole || left >= LANES ? load(b + v * LANES) : left > 0 ? load_part(b + v * LANES, left) : (vf){};
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) {
            vf y = splat(a[i * a_stride + p]);
#pragma clang loop unroll(full)
            for (int v = 0; v < NV; v++) acc[i][v] = fma_vf(y, x[v], acc[i][v]);
        }
    }
    finish_tile(rows, acc, c, c_stride, row, column, columns, e);
}

// The loops around the tiles, for packed (`b_stride` = PANEL, panels k * PANEL apart) and plain B (panels PANEL apart).
INLINE void run_product(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride, const float *b,
                        ptrdiff_t b_stride, ptrdiff_t panel_stride, int packed, float *c, ptrdiff_t c_stride,
                        const vg_epilogue *e) {
    for (ptrdiff_t top = 0; top < m; top += ROW_BLOCK) {
        ptrdiff_t bottom = top + ROW_BLOCK < m ? top + ROW_BLOCK : m;
        for (ptrdiff_t column = 0, panel = 0; column < n; column += PANEL, panel++) {
            const float *bp = b + panel * panel_stride;
            ptrdiff_t columns = n - column < PANEL ? n - column : PANEL;
            ptrdiff_t row = top;
            int whole = packed || columns == PANEL;
#define TILE(rows, w) run_tile(rows, k, a, a_stride, bp, b_stride, c, c_stride, row, column, columns, w, NULL, e)
            if (whole) {
                if (packed && row + MR <= bottom) {
                    run_tile(MR, k, a, a_stride, bp, b_stride, c, c_stride, row, column, columns, 1, bp + panel_stride, e);
                    row += MR;
                }
                for (; row + MR <= bottom; row += MR) TILE(MR, 1);
                switch (bottom - row) {
#if MR > 11
                    case 11: TILE(11, 1); break;
#endif
#if MR > 10
                    case 10: TILE(10, 1); break;
#endif
#if MR > 9
                    case 9: TILE(9, 1); break;
#endif
#if MR > 8
                    case 8: TILE(8, 1); break;
#endif
#if MR > 7
                    case 7: TILE(7, 1); break;
#endif
#if MR > 6
                    case 6: TILE(6, 1); break;
#endif
#if MR > 5
                    case 5: TILE(5, 1); break;
#endif
#if MR > 4
                    case 4: TILE(4, 1); break;
#endif
#if MR > 3
                    case 3: TILE(3, 1); break;
#endif
#if MR > 2
                    case 2: TILE(2, 1); break;
#endif
#if MR > 1
                    case 1: TILE(1, 1); break;
#endif
                }
            } else {
                for (; row < bottom; row++) TILE(1, 0);
            }
#undef TILE
        }
    }
}

static void ISA(product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride,
                         const float *packed, float *c, ptrdiff_t c_stride, const vg_epilogue *e) {
    run_product(m, n, k, a, a_stride, packed, PANEL, k * PANEL, 1, c, c_stride, e);
}

static void ISA(product_plain)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride,
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

static void ISA(dots)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride, const float *b,
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
