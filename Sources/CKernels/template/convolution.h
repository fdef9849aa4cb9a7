// A convolution of five taps along the rows, four outputs at a time, by eight products in place of twenty.
//
// Toom-Cook's F(4, 5) with the points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity: y = T^t ((G w) * (D x)), where G is
// applied to the weights once, D to eight rows of x and T^t to eight rows of products. All entries of D and T are exact
// in binary; in single precision the result is off by about three times the rounding of the direct sum.
static const float ISA(points_in)[8][8] = {
    {-1, 0, 5.25f, 0, -5.25f, 0, 1, 0},          {0, 1, 1, -4.25f, -4.25f, 1, 1, 0},
    {0, -1, 1, 4.25f, -4.25f, -1, 1, 0},         {0, 0.5f, 0.25f, -2.5f, -1.25f, 2, 1, 0},
    {0, -0.5f, 0.25f, 2.5f, -1.25f, -2, 1, 0},   {0, 2, 4, -2.5f, -5, 0.5f, 1, 0},
    {0, -2, 4, 2.5f, -5, -0.5f, 1, 0},           {0, -1, 0, 5.25f, 0, -5.25f, 0, 1},
};
static const float ISA(points_out)[4][8] = {
    {1, 1, 1, 1, 1, 1, 1, 0},
    {0, 1, -1, 2, -2, 0.5f, -0.5f, 0},
    {0, 1, 1, 4, 4, 0.25f, 0.25f, 0},
    {0, 1, -1, 8, -8, 0.125f, -0.125f, 1},
};

KERNEL void ISA(convolution_in)(ptrdiff_t tiles, ptrdiff_t n, const float *x, ptrdiff_t x_stride, float *u,
                                ptrdiff_t plane) {
    for (ptrdiff_t tile = 0; tile < tiles; tile++, x += 4 * x_stride, u += n)
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = n - j < LANES ? n - j : LANES;
            vf rows[8];
#pragma clang loop unroll(full)
            for (int i = 0; i < 8; i++) rows[i] = get(x + i * x_stride + j, part);
#pragma clang loop unroll(full)
            for (int point = 0; point < 8; point++) {
                vf sum = {};
#pragma clang loop unroll(full)
                for (int i = 0; i < 8; i++)
                    if (ISA(points_in)[point][i] != 0) sum = fma_vf(splat(ISA(points_in)[point][i]), rows[i], sum);
                put(u + point * plane + j, sum, part);
            }
        }
}

KERNEL void ISA(convolution_out)(ptrdiff_t rows, ptrdiff_t n, const float *products, ptrdiff_t plane,
                                 const float *bias, float *y, ptrdiff_t y_stride) {
    for (ptrdiff_t row = 0; row < rows; row += 4, products += n)
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = n - j < LANES ? n - j : LANES;
            vf point[8];
#pragma clang loop unroll(full)
            for (int i = 0; i < 8; i++) point[i] = get(products + i * plane + j, part);
#pragma clang loop unroll(full)
            for (int output = 0; output < 4; output++) {
                if (row + output >= rows) break;
                vf sum = get(bias + j, part);
#pragma clang loop unroll(full)
                for (int i = 0; i < 8; i++)
                    if (ISA(points_out)[output][i] != 0) sum = fma_vf(splat(ISA(points_out)[output][i]), point[i], sum);
                put(y + (row + output) * y_stride + j, sum, part);
            }
        }
}

KERNEL void ISA(convolution_out_backward)(ptrdiff_t rows, ptrdiff_t n, const float *dy, ptrdiff_t dy_stride,
                                          float *products, ptrdiff_t plane) {
    for (ptrdiff_t row = 0; row < rows; row += 4, products += n)
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = n - j < LANES ? n - j : LANES;
            vf output[4];
#pragma clang loop unroll(full)
            for (int i = 0; i < 4; i++)
                output[i] = row + i < rows ? get(dy + (row + i) * dy_stride + j, part) : (vf){};
#pragma clang loop unroll(full)
            for (int point = 0; point < 8; point++) {
                vf sum = {};
#pragma clang loop unroll(full)
                for (int i = 0; i < 4; i++)
                    if (ISA(points_out)[i][point] != 0) sum = fma_vf(splat(ISA(points_out)[i][point]), output[i], sum);
                put(products + point * plane + j, sum, part);
            }
        }
}

KERNEL void ISA(convolution_in_backward)(ptrdiff_t tiles, ptrdiff_t n, const float *u, ptrdiff_t plane, float *dx,
                                         ptrdiff_t dx_stride) {
    for (ptrdiff_t tile = 0; tile < tiles; tile++, dx += 4 * dx_stride, u += n)
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            ptrdiff_t part = n - j < LANES ? n - j : LANES;
            vf point[8];
#pragma clang loop unroll(full)
            for (int i = 0; i < 8; i++) point[i] = get(u + i * plane + j, part);
#pragma clang loop unroll(full)
            for (int i = 0; i < 8; i++) {
                vf sum = get(dx + i * dx_stride + j, part);
#pragma clang loop unroll(full)
                for (int k = 0; k < 8; k++)
                    if (ISA(points_in)[k][i] != 0) sum = fma_vf(splat(ISA(points_in)[k][i]), point[k], sum);
                put(dx + i * dx_stride + j, sum, part);
            }
        }
}

// G w of n kernels that lie tap by tap, and its adjoint. The factors are G's, [8, 5].
KERNEL void ISA(convolution_mix)(ptrdiff_t n, const float *factors, const float *taps, float *mixed, ptrdiff_t plane) {
    for (ptrdiff_t at = 0; at < n; at += LANES) {
        ptrdiff_t count = n - at < LANES ? n - at : LANES;
        vf tap[5] = {};
        for (ptrdiff_t i = 0; i < count; i++)
            for (int t = 0; t < 5; t++) tap[t][i] = taps[5 * (at + i) + t];
        for (int point = 0; point < 8; point++) {
            vf sum = {};
            for (int t = 0; t < 5; t++) sum = fma_vf(splat(factors[5 * point + t]), tap[t], sum);
            put(mixed + point * plane + at, sum, count);
        }
    }
}

KERNEL void ISA(convolution_mix_backward)(ptrdiff_t n, const float *factors, const float *mixed, ptrdiff_t plane,
                                          float *taps) {
    for (ptrdiff_t at = 0; at < n; at += LANES) {
        ptrdiff_t count = n - at < LANES ? n - at : LANES;
        for (int t = 0; t < 5; t++) {
            vf sum = {};
            for (int point = 0; point < 8; point++)
                sum = fma_vf(splat(factors[5 * point + t]), get(mixed + point * plane + at, count), sum);
            for (ptrdiff_t i = 0; i < count; i++) taps[5 * (at + i) + t] = sum[i];
        }
    }
}
