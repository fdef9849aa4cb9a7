#ifndef VIGIL_CKERNELS_H
#define VIGIL_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

// The micro-kernels of the model, single precision, one table of functions an instruction set.
//
// The contract of all of them: the caller owns every buffer, no pointer is kept, nothing is allocated, matrices are
// row-major with a stride in floats, and inputs and outputs do not overlap unless the comment says so. Results do not
// depend on how many rows are given at once: a row's value is the same alone and in any batch.

/// What is done to a product before it is stored: C = g(A B + bias + residual).
typedef struct {
    /// [n], added to each row; NULL for none.
    const float *bias;
    /// [m, n], added elementwise; may be C itself; NULL for none.
    const float *residual;
    ptrdiff_t residual_stride;
    /// Nonzero: QuickGELU, g(u) = u * sigmoid(1.702 u), after the additions; else g is the identity.
    int quick_gelu;
} vg_epilogue;

typedef struct {
    const char *name;
    /// Columns of one panel of packed weights.
    ptrdiff_t panel;

    /// C[m, n] = g(A[m, k] B[k, n] + ...) with B packed by vg_pack for this table's panel width.
    void (*product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride, const float *packed,
                    float *c, ptrdiff_t c_stride, const vg_epilogue *epilogue);

    /// The same with B[k, n] as it lies in memory, for products of two activations.
    void (*product_plain)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride, const float *b,
                          ptrdiff_t b_stride, float *c, ptrdiff_t c_stride, const vg_epilogue *epilogue);

    /// C[m, n] = scale * A[m, k] B[n, k]^T: the dot product of each row of A with each row of B.
    void (*dots)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride, const float *b,
                 ptrdiff_t b_stride, float scale, float *c, ptrdiff_t c_stride);

    /// y = (x - mean) / sqrt(variance + 1e-5) * gain + shift, a row at a time; y may be x.
    void (*layer_norm)(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t x_stride, const float *gain,
                       const float *shift, float *y, ptrdiff_t y_stride);

    /// y = QuickGELU(x); y may be x.
    void (*quick_gelu)(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t x_stride, float *y, ptrdiff_t y_stride);

    /// Softmax along each row, in place.
    void (*softmax)(ptrdiff_t rows, ptrdiff_t n, float *x, ptrdiff_t stride);

    /// Turns dot products of rows into the similarity graph, in place: cosine, entries not above `threshold` become 0,
    /// softmax along the row. `lengths` [n] are the rows' Euclidean lengths, `own` [rows] those of the rows given.
    void (*similarity)(ptrdiff_t rows, ptrdiff_t n, float *x, ptrdiff_t stride, const float *own, const float *lengths,
                       float threshold);

    /// y_i = g(sum_j r^|i-j| x_j + residual_i) over all rows of one column block: the distance graph as two running
    /// sums, forward and backward, instead of a product with an [rows, rows] matrix. `ahead` [n] is what rows past the
    /// last one given contribute to it, sum_j r^(j - rows + 1) x_j over j >= rows; NULL where there are none. y must not
    /// be x.
    void (*decay)(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t x_stride, float ratio, const float *ahead,
                  float *y, ptrdiff_t y_stride, const vg_epilogue *epilogue);

    /// The first step of a convolution of five taps along the rows: eight mixtures of eight rows for each tile of four
    /// outputs. Reads 4 * tiles + 4 rows of x; writes eight planes of [tiles, n] floats, `plane` floats apart.
    void (*convolution_in)(ptrdiff_t tiles, ptrdiff_t n, const float *x, ptrdiff_t x_stride, float *u, ptrdiff_t plane);

    /// The last step: y[rows, n] + bias from the eight planes of products, each [ceil(rows / 4), n].
    void (*convolution_out)(ptrdiff_t rows, ptrdiff_t n, const float *products, ptrdiff_t plane, const float *bias,
                            float *y, ptrdiff_t y_stride);

    /// Runs `rounds` times `peak_flops` floating-point operations that nothing holds up: what a core can do at most.
    float (*peak)(ptrdiff_t rounds);
    ptrdiff_t peak_flops;

    /// y = exp(x), within 2 ulp where exp(x) is a normal number; 0 below that, infinity above.
    void (*exponential)(ptrdiff_t n, const float *x, float *y);
} vg_kernels;

typedef enum { VG_PORTABLE = 0, VG_AVX2 = 1, VG_AVX512 = 2, VG_NEON = 3 } vg_isa;

/// The table of an instruction set, or NULL where this build or this processor lacks it.
const vg_kernels *vg_kernels_for(vg_isa isa);

/// Floats that vg_pack writes: k rows of n columns, rounded up to whole panels.
ptrdiff_t vg_packed_count(ptrdiff_t k, ptrdiff_t n, ptrdiff_t panel);

/// Packs B[k, n], element (p, j) at b[p * row_stride + j * column_stride], into panels of `panel` columns, each k rows
/// long and zero beyond column n. The strides let a transposed matrix be packed as it is.
void vg_pack(ptrdiff_t k, ptrdiff_t n, const float *b, ptrdiff_t row_stride, ptrdiff_t column_stride, ptrdiff_t panel,
             float *packed);

/// Folds the whole blocks of 64 bytes of `bytes` into 16 that have the same CRC-32 (zip's, gzip's) behind a register of
/// zeros as the blocks have behind the CRC-32 `sum`. Returns how many bytes that were; 0 where there are too few, or where
/// this build or this processor lacks the instruction.
size_t vg_crc32_fold(const uint8_t *bytes, size_t count, uint32_t sum, uint8_t *folded);

#endif
