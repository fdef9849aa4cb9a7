// Operations along a row: LayerNorm, softmax, the similarity graph, exp; and the distance graph along a column.
// Columns past the last whole vector are computed in a vector of their own.
#define PART(n, at) ((n) - (at) < LANES ? (n) - (at) : LANES)

// Mean and variance in two passes: the mean first, then the squares of what is left, as PyTorch's numbers need.
KERNEL void ISA(layer_norm)(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t x_stride, const float *gain,
                            const float *shift, float *y, ptrdiff_t y_stride) {
    for (ptrdiff_t i = 0; i < rows; i++, x += x_stride, y += y_stride) {
        vf total = {};
        for (ptrdiff_t j = 0; j < n; j += LANES) total += get(x + j, PART(n, j));
        float mean = sum_vf(total) / (float)n;
        vf squares = {};
        ptrdiff_t j = 0;
        for (; j + LANES <= n; j += LANES) {
            vf d = load(x + j) - mean;
            squares = fma_vf(d, d, squares);
        }
        float rest = 0;
        for (; j < n; j++) rest += (x[j] - mean) * (x[j] - mean);
        float scale = 1.0f / sqrtf((sum_vf(squares) + rest) / (float)n + 1e-5f);
        for (j = 0; j < n; j += LANES) {
            ptrdiff_t part = PART(n, j);
            vf z = (get(x + j, part) - mean) * scale;
            put(y + j, fma_vf(z, get(gain + j, part), get(shift + j, part)), part);
        }
    }
}

INLINE float largest(ptrdiff_t n, const float *x) {
    float top = x[0];
    ptrdiff_t j = 0;
    if (n >= LANES) {
        vf best = load(x);
        for (j = LANES; j + LANES <= n; j += LANES) {
            vf v = load(x + j);
            best = pick(v > best, v, best);
        }
        for (int lane = 0; lane < LANES; lane++) top = best[lane] > top ? best[lane] : top;
    }
    for (; j < n; j++) top = x[j] > top ? x[j] : top;
    return top;
}

INLINE void softmax_row(ptrdiff_t n, float *x) {
    float top = largest(n, x);
    vf total = {};
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        ptrdiff_t part = PART(n, j);
        vf e = exp_vf(get(x + j, part) - top);
        put(x + j, e, part);
        total += part == LANES ? e : load_part(x + j, part);
    }
    float scale = 1.0f / sum_vf(total);
    for (ptrdiff_t j = 0; j < n; j += LANES) put(x + j, get(x + j, PART(n, j)) * scale, PART(n, j));
}

KERNEL void ISA(softmax)(ptrdiff_t rows, ptrdiff_t n, float *x, ptrdiff_t stride) {
    if (n == 0) return;
    for (ptrdiff_t i = 0; i < rows; i++) softmax_row(n, x + i * stride);
}

KERNEL void ISA(similarity)(ptrdiff_t rows, ptrdiff_t n, float *x, ptrdiff_t stride, const float *own,
                            const float *lengths, float threshold) {
    if (n == 0) return;
    for (ptrdiff_t i = 0; i < rows; i++, x += stride) {
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = PART(n, j);
            vf cosine = get(x + j, part) / (own[i] * get(lengths + j, part) + 1e-20f);
            put(x + j, pick(cosine > splat(threshold), cosine, (vf){}), part);
        }
        softmax_row(n, x);
    }
}

KERNEL void ISA(decay)(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t x_stride, float ratio,
                       const float *beyond, float *y, ptrdiff_t y_stride, const vg_epilogue *e) {
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        ptrdiff_t part = PART(n, j);
        vf behind = {}, ahead = beyond ? get(beyond + j, part) : (vf){}, bias = e->bias ? get(e->bias + j, part) : (vf){};
        for (ptrdiff_t i = 0; i < rows; i++) {
            behind = fma_vf(behind, splat(ratio), get(x + i * x_stride + j, part));
            put(y + i * y_stride + j, behind, part);
        }
        for (ptrdiff_t i = rows - 1; i >= 0; i--) {
            vf z = get(y + i * y_stride + j, part) + ahead + bias;
            if (e->residual) z += get(e->residual + i * e->residual_stride + j, part);
            put(y + i * y_stride + j, e->quick_gelu ? quick_gelu_vf(z) : z, part);
            ahead = (ahead + get(x + i * x_stride + j, part)) * ratio;
        }
    }
}

KERNEL void ISA(quick_gelu)(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t x_stride, float *y,
                            ptrdiff_t y_stride) {
    for (ptrdiff_t i = 0; i < rows; i++, x += x_stride, y += y_stride)
        for (ptrdiff_t j = 0; j < n; j += LANES) put(y + j, quick_gelu_vf(get(x + j, PART(n, j))), PART(n, j));
}

KERNEL void ISA(exponential)(ptrdiff_t n, const float *x, float *y) {
    for (ptrdiff_t j = 0; j < n; j += LANES) put(y + j, exp_vf(get(x + j, PART(n, j))), PART(n, j));
}
