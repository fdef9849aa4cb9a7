// What learning needs beside the forward kernels: the backward of each operation along a row, and AdamW.
KERNEL void ISA(layer_norm_backward)(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t x_stride, const float *gain,
                                     const float *dy, ptrdiff_t dy_stride, const float *residual,
                                     ptrdiff_t residual_stride, float *dx, ptrdiff_t dx_stride, float *d_gain,
                                     float *d_shift) {
    for (ptrdiff_t i = 0; i < rows; i++, x += x_stride, dy += dy_stride, dx += dx_stride) {
        vf total = {};
        for (ptrdiff_t j = 0; j < n; j += LANES) total += get(x + j, PART(n, j));
        float mean = sum_vf(total) / (float)n;
        vf squares = {}, slope = {}, along = {};
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = PART(n, j);
            // Beyond the last column d is not 0, but what it is multiplied with is, and its square is left out.
            vf d = get(x + j, part) - mean, z = get(dy + j, part) * get(gain + j, part);
            if (part < LANES) {
                float kept[LANES];
                store(kept, d);
                d = load_part(kept, part);
            }
            squares = fma_vf(d, d, squares);
            slope += z;
            along = fma_vf(z, d, along);
        }
        float scale = 1.0f / sqrtf(sum_vf(squares) / (float)n + 1e-5f);
        float level = sum_vf(slope) / (float)n, tilt = sum_vf(along) / (float)n * scale * scale;
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = PART(n, j);
            vf d = get(x + j, part) - mean, g = get(dy + j, part);
            vf z = (g * get(gain + j, part) - level - d * tilt) * scale;
            if (residual) z += get(residual + j, part);
            if (d_gain) {
                put(d_gain + j, fma_vf(g, d * scale, get(d_gain + j, part)), part);
                put(d_shift + j, get(d_shift + j, part) + g, part);
            }
            put(dx + j, z, part);
        }
        if (residual) residual += residual_stride;
    }
}

KERNEL void ISA(quick_gelu_backward)(ptrdiff_t rows, ptrdiff_t n, const float *u, ptrdiff_t u_stride, const float *dy,
                                     ptrdiff_t dy_stride, const float *factors, float *du, ptrdiff_t du_stride,
                                     float *y, ptrdiff_t y_stride) {
    for (ptrdiff_t i = 0; i < rows; i++, u += u_stride, dy += dy_stride, du += du_stride) {
        vf factor = splat(factors ? factors[i] : 1.0f);
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = PART(n, j);
            vf v = get(u + j, part), g = get(dy + j, part) * factor, below = 1.0f + exp_vf(v * -1.702f);
            vf sigmoid = 1.0f / below, z = v / below;
            if (y) put(y + j, z, part);
            put(du + j, g * fma_vf(z * 1.702f, 1.0f - sigmoid, sigmoid), part);
        }
        if (y) y += y_stride;
    }
}

INLINE vf dot_rows(ptrdiff_t n, const float *x, const float *y) {
    vf sum = {};
    for (ptrdiff_t j = 0; j < n; j += LANES) sum = fma_vf(get(x + j, PART(n, j)), get(y + j, PART(n, j)), sum);
    return sum;
}

KERNEL void ISA(softmax_backward)(ptrdiff_t rows, ptrdiff_t n, const float *y, ptrdiff_t y_stride, float scale, float *d,
                                  ptrdiff_t d_stride) {
    for (ptrdiff_t i = 0; i < rows; i++, y += y_stride, d += d_stride) {
        float level = sum_vf(dot_rows(n, y, d));
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = PART(n, j);
            put(d + j, get(y + j, part) * (get(d + j, part) - level) * scale, part);
        }
    }
}

KERNEL void ISA(similarity_kept)(ptrdiff_t rows, ptrdiff_t n, float *x, ptrdiff_t stride, const float *own,
                                 const float *lengths, float threshold, float *y, ptrdiff_t y_stride) {
    if (n == 0) return;
    for (ptrdiff_t i = 0; i < rows; i++, x += stride, y += y_stride) {
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = PART(n, j);
            vf cosine = get(x + j, part) / (own[i] * get(lengths + j, part) + 1e-20f);
            cosine = pick(cosine > splat(threshold), cosine, (vf){});
            put(x + j, cosine, part);
            put(y + j, cosine, part);
        }
        softmax_row(n, y);
    }
}

KERNEL void ISA(similarity_backward)(ptrdiff_t n, const float *s, ptrdiff_t s_stride, const float *cosines,
                                     ptrdiff_t cosines_stride, const float *lengths, float *d, ptrdiff_t d_stride,
                                     float *pulls) {
    memset(pulls, 0, (size_t)n * sizeof(float));
    for (ptrdiff_t i = 0; i < n; i++) {
        const float *p = s + i * s_stride, *c = cosines + i * cosines_stride;
        float *row = d + i * d_stride;
        float level = sum_vf(dot_rows(n, p, row));
        vf pull = {};
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = PART(n, j);
            vf cosine = get(c + j, part), length = lengths[i] * get(lengths + j, part) + 1e-20f;
            vf g = pick(cosine != (vf){}, get(p + j, part) * (get(row + j, part) - level), (vf){});
            vf moved = g * cosine;
            pull += moved;
            put(pulls + j, get(pulls + j, part) + moved, part);
            put(row + j, pick(cosine != (vf){}, g / length, (vf){}), part);
        }
        pulls[i] += sum_vf(pull);
    }
    // G becomes G + G^T, and the diagonal has what the lengths take back.
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 0; j < i; j++) {
            float both = d[i * d_stride + j] + d[j * d_stride + i];
            d[i * d_stride + j] = both;
            d[j * d_stride + i] = both;
        }
        float square = lengths[i] * lengths[i];
        d[i * d_stride + i] = 2 * d[i * d_stride + i] - (square > 0 ? pulls[i] / square : 0);
    }
}

KERNEL void ISA(column_sums)(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t x_stride, float *y) {
    ptrdiff_t i = 0;
    for (; i + 4 <= rows; i += 4, x += 4 * x_stride)
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = PART(n, j);
            vf sum = get(y + j, part);
#pragma clang loop unroll(full)
            for (int k = 0; k < 4; k++) sum += get(x + k * x_stride + j, part);
            put(y + j, sum, part);
        }
    for (; i < rows; i++, x += x_stride)
        for (ptrdiff_t j = 0; j < n; j += LANES)
            put(y + j, get(y + j, PART(n, j)) + get(x + j, PART(n, j)), PART(n, j));
}

KERNEL void ISA(add_scaled)(ptrdiff_t rows, ptrdiff_t n, float factor, const float *x, ptrdiff_t x_stride, float *y,
                            ptrdiff_t y_stride) {
    for (ptrdiff_t i = 0; i < rows; i++, x += x_stride, y += y_stride)
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = PART(n, j);
            put(y + j, fma_vf(splat(factor), get(x + j, part), get(y + j, part)), part);
        }
}

// Parts of 1,024 in single precision, their sums in double.
KERNEL double ISA(sum_of_squares)(ptrdiff_t n, const float *x) {
    double total = 0;
    for (ptrdiff_t at = 0; at < n; at += 1024) {
        ptrdiff_t count = n - at < 1024 ? n - at : 1024;
        total += (double)sum_vf(dot_rows(count, x + at, x + at));
    }
    return total;
}

KERNEL void ISA(adamw)(ptrdiff_t n, const vg_adamw *s, const float *g, float *m, float *v, float *w) {
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        ptrdiff_t part = PART(n, j);
        vf slope = get(g + j, part), mean = get(m + j, part), square = get(v + j, part);
        mean = fma_vf(slope - mean, splat(s->mean_share), mean);
        square = fma_vf(slope * slope, splat(s->square_share), square * s->square_kept);
        put(m + j, mean, part);
        put(v + j, square, part);
        vf below = __builtin_elementwise_sqrt(square) * s->square_correction + s->epsilon;
        put(w + j, fma_vf(mean / below, splat(-s->step), get(w + j, part) * s->kept), part);
    }
}
