// Checks every set of kernels of this processor against plain loops in double precision, at sizes that end inside a
// vector, a tile and a panel. Prints a line a set; exit status 1 where one differs.
//
// The Swift tests do the same where Swift runs; this is for processors that are only emulated (neon.sh).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "CKernels.h"

static unsigned state = 1;
static float uniform(void) {
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / (float)(1 << 23) - 1;
}
static float *floats(int count) {
    float *x = malloc(sizeof(float) * (size_t)(count + 1));
    for (int i = 0; i < count; i++) x[i] = uniform();
    return x;
}
static double gelu(double u) { return u / (1 + exp(-1.702 * u)); }

static double products(const vg_kernels *kernels, int m, int k, int n) {
    float *a = floats(m * k), *b = floats(k * n), *r = floats(m * n), *bias = floats(n), *t = floats(k * n);
    float *packed = malloc(sizeof(float) * (size_t)vg_packed_count(k, n, kernels->panel));
    float *c = floats(m * n), *plain = floats(m * n), *dots = floats(m * n);
    for (int p = 0; p < k; p++)
        for (int j = 0; j < n; j++) t[j * k + p] = b[p * n + j];
    vg_pack(k, n, b, n, 1, kernels->panel, packed);
    vg_epilogue all = {.bias = bias, .residual = r, .residual_stride = n, .quick_gelu = 1}, none = {0};
    kernels->product(m, n, k, a, k, packed, c, n, &all);
    kernels->product_plain(m, n, k, a, k, b, n, plain, n, &none);
    kernels->dots(m, n, k, a, k, t, k, 0.5f, dots, n);
    double worst = 0;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int p = 0; p < k; p++) sum += (double)a[i * k + p] * b[p * n + j];
            worst = fmax(worst, fabs(c[i * n + j] - gelu(sum + bias[j] + r[i * n + j])));
            worst = fmax(worst, fabs(plain[i * n + j] - sum));
            worst = fmax(worst, fabs(dots[i * n + j] - sum / 2));
        }
    free(a), free(b), free(r), free(bias), free(t), free(packed), free(c), free(plain), free(dots);
    return worst;
}

static double rows(const vg_kernels *kernels, int n) {
    float *x = floats(3 * n), *y = floats(3 * n), *gain = floats(n), *shift = floats(n), *z = floats(3 * n);
    double worst = 0;
    kernels->layer_norm(3, n, x, n, gain, shift, y, n);
    kernels->decay(3, n, x, n, 0.7f, gain, z, n, &(vg_epilogue){0});
    for (int i = 0; i < 3; i++) {
        double mean = 0, variance = 0;
        for (int j = 0; j < n; j++) mean += x[i * n + j] / (double)n;
        for (int j = 0; j < n; j++) variance += (x[i * n + j] - mean) * (x[i * n + j] - mean) / n;
        for (int j = 0; j < n; j++) {
            double expected = (x[i * n + j] - mean) / sqrt(variance + 1e-5) * gain[j] + shift[j];
            worst = fmax(worst, fabs(y[i * n + j] - expected) / 10);
            double near = pow(0.7, 2 - i) * gain[j];
            for (int q = 0; q < 3; q++) near += pow(0.7, abs(i - q)) * x[q * n + j];
            worst = fmax(worst, fabs(z[i * n + j] - near));
        }
    }
    for (int j = 0; j < 3 * n; j++) y[j] = x[j];
    kernels->softmax(3, n, y, n);
    kernels->quick_gelu(3, n, x, n, z, n);
    for (int i = 0; i < 3; i++) {
        double total = 0;
        for (int j = 0; j < n; j++) total += exp(x[i * n + j]);
        for (int j = 0; j < n; j++) {
            worst = fmax(worst, fabs(y[i * n + j] - exp(x[i * n + j]) / total));
            worst = fmax(worst, fabs(z[i * n + j] - gelu(x[i * n + j])));
        }
    }
    free(x), free(y), free(gain), free(shift), free(z);
    return worst;
}

// A convolution of each column with taps of its own, so that the products between the two steps are one factor each.
static double convolutions(const vg_kernels *kernels, int m, int n) {
    static const double points[7] = {0, 1, -1, 2, -2, 0.5, -0.5};
    int tiles = (m + 3) / 4;
    float *x = floats((4 * tiles + 4) * n), *taps = floats(5 * n), *bias = floats(n), *y = floats(m * n);
    float *u = floats(8 * tiles * n);
    kernels->convolution_in(tiles, n, x, n, u, tiles * n);
    for (int point = 0; point < 8; point++)
        for (int j = 0; j < n; j++) {
            double value = point == 7 ? taps[4 * n + j] : 0;
            for (int tap = 0; tap < 5 && point < 7; tap++) value += pow(points[point], tap) * taps[tap * n + j];
            for (int other = 0; other < 7 && point < 7; other++)
                if (other != point) value /= points[point] - points[other];
            for (int tile = 0; tile < tiles; tile++) u[(point * tiles + tile) * n + j] *= (float)value;
        }
    kernels->convolution_out(m, n, u, tiles * n, bias, y, n);
    double worst = 0;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = bias[j];
            for (int tap = 0; tap < 5; tap++) sum += (double)x[(i + tap) * n + j] * taps[tap * n + j];
            worst = fmax(worst, fabs(y[i * n + j] - sum));
        }
    free(x), free(taps), free(bias), free(y), free(u);
    return worst;
}

static double exponentials(const vg_kernels *kernels) {
    double worst = 0;
    for (double at = -87; at < 88; at += 0.0131) {
        float x = (float)at, y;
        kernels->exponential(1, &x, &y);
        double exact = exp(x);
        worst = fmax(worst, fabs(y - exact) / (nextafterf((float)exact, INFINITY) - (float)exact));
    }
    return worst;
}

int main(void) {
    int failed = 0, found = 0;
    for (int isa = VG_PORTABLE; isa <= VG_NEON; isa++) {
        const vg_kernels *kernels = vg_kernels_for((vg_isa)isa);
        if (!kernels) continue;
        found++;
        double product = 0, row = 0, ulp = exponentials(kernels);
        for (int m = 1; m <= 37; m++)
            for (int n = 1; n <= 97; n += 16) product = fmax(product, products(kernels, m, m % 7 * 13 + 1, n));
        for (int n = 1; n <= 67; n++) row = fmax(row, rows(kernels, n));
        for (int m = 1; m <= 13; m++)
            for (int n = 1; n <= 35; n++) row = fmax(row, convolutions(kernels, m, n));
        int bad = product > 2e-5 || row > 1e-5 || ulp > 2;
        printf("%s %s: products within %.1e, rows within %.1e, exp within %.2f ulp\n", bad ? "FAIL" : "ok  ", kernels->name,
               product, row, ulp);
        failed += bad;
    }
    return failed > 0 || found < 2;
}
