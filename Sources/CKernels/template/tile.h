// A tile of C and how it is finished: g(sums + bias + residual). The including file defines LANES, MR and NV.
#define PANEL (LANES * NV)
// Cache lines of a row of a panel.
#define LINES ((PANEL + 15) / 16)

// What the tiles of one panel of columns have in common.
struct panel {
    ptrdiff_t k;
    const float *a, *b;
    ptrdiff_t a_stride, b_stride;
    float *c;
    ptrdiff_t c_stride;
    // The panel's first column in C, and how many it has.
    ptrdiff_t column, columns;
    const vg_epilogue *e;
    // Where this panel's tiles fetch the next one from, and floats a step; see run_product.
    const float *ahead;
    ptrdiff_t ahead_step;
};

// Whole tiles without an activation are finished in registers; the others through memory, in a loop that is not
// unrolled, since exp is long.
INLINE void finish_tile(int rows, vf acc[MR][NV], const struct panel *t, ptrdiff_t row) {
    const vg_epilogue *e = t->e;
    if (t->columns == PANEL && !e->quick_gelu) {
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) {
            ptrdiff_t at = t->column + v * LANES;
            vf bias = e->bias ? load(e->bias + at) : (vf){};
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                vf y = acc[i][v] + bias;
                if (e->residual) y += load(e->residual + (row + i) * e->residual_stride + at);
                store(t->c + (row + i) * t->c_stride + at, y);
            }
        }
        return;
    }
    vf sums[MR][NV];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < NV; v++) sums[i][v] = acc[i][v];
#pragma clang loop unroll(disable)
    for (ptrdiff_t i = 0; i < rows; i++)
#pragma clang loop unroll(disable)
        for (ptrdiff_t v = 0; v * LANES < t->columns; v++) {
            ptrdiff_t left = t->columns - v * LANES, part = left < LANES ? left : LANES, at = t->column + v * LANES;
            vf y = sums[i][v];
            if (e->bias) y += get(e->bias + at, part);
            if (e->residual) y += get(e->residual + (row + i) * e->residual_stride + at, part);
            put(t->c + (row + i) * t->c_stride + at, e->quick_gelu ? quick_gelu_vf(y) : y, part);
        }
}
