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

/// The numbers of one AdamW step: b1, b2 the decay rates of the moments, t the step from 1 on.
typedef struct {
    /// 1 - b1, 1 - b2, b2.
    float mean_share, square_share, square_kept;
    /// 1 / sqrt(1 - b2^t), and what is added to the root.
    float square_correction, epsilon;
    /// rate / (1 - b1^t), and 1 - rate * weight decay.
    float step, kept;
} vg_adamw;

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

    // Learning.

    /// C[k, n] = A[m, k]^T B[m, n], plus C where `adds` is not 0. A number of C is the same bits whatever part of C is
    /// computed with it. `scratch` has `outer_scratch` floats.
    void (*outer)(ptrdiff_t m, ptrdiff_t k, ptrdiff_t n, const float *a, ptrdiff_t a_stride, const float *b,
                  ptrdiff_t b_stride, int adds, float *c, ptrdiff_t c_stride, float *scratch);
    ptrdiff_t outer_scratch;

    /// Of y = layer_norm(x): dx from dy, plus `residual` [rows, n] where that is not NULL; dx may be dy or `residual`.
    /// `d_gain` and `d_shift` [n] are added to, row after row; both NULL for none.
    void (*layer_norm_backward)(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t x_stride, const float *gain,
                                const float *dy, ptrdiff_t dy_stride, const float *residual, ptrdiff_t residual_stride,
                                float *dx, ptrdiff_t dx_stride, float *d_gain, float *d_shift);

    /// Of y = g(u): du = factor_i dy g'(u), and y itself once more where `y` is not NULL. A stride of 0 takes one row of
    /// dy for all; `factors` [rows] NULL for 1. du may be dy or u, y may be u.
    void (*quick_gelu_backward)(ptrdiff_t rows, ptrdiff_t n, const float *u, ptrdiff_t u_stride, const float *dy,
                                ptrdiff_t dy_stride, const float *factors, float *du, ptrdiff_t du_stride, float *y,
                                ptrdiff_t y_stride);

    /// Of y = softmax(x) along each row: d = scale * y (d - sum(y d)), in place.
    void (*softmax_backward)(ptrdiff_t rows, ptrdiff_t n, const float *y, ptrdiff_t y_stride, float scale, float *d,
                             ptrdiff_t d_stride);

    /// `similarity` that keeps the cosines for its backward: x becomes those above the threshold and 0, y the graph.
    void (*similarity_kept)(ptrdiff_t rows, ptrdiff_t n, float *x, ptrdiff_t stride, const float *own,
                            const float *lengths, float threshold, float *y, ptrdiff_t y_stride);

    /// Of the similarity graph S[n, n] of n rows X: d, the gradient of S, becomes the symmetric H with dX = H X.
    /// `cosines` are those of `similarity_kept`; `pulls` [n] is scratch.
    void (*similarity_backward)(ptrdiff_t n, const float *s, ptrdiff_t s_stride, const float *cosines,
                                ptrdiff_t cosines_stride, const float *lengths, float *d, ptrdiff_t d_stride,
                                float *pulls);

    /// The adjoint of convolution_out: eight planes from dy[rows, n]; rows past the last count as 0.
    void (*convolution_out_backward)(ptrdiff_t rows, ptrdiff_t n, const float *dy, ptrdiff_t dy_stride, float *products,
                                     ptrdiff_t plane);

    /// The adjoint of convolution_in: adds to 4 * tiles + 4 rows of dx what eight planes come to.
    void (*convolution_in_backward)(ptrdiff_t tiles, ptrdiff_t n, const float *u, ptrdiff_t plane, float *dx,
                                    ptrdiff_t dx_stride);

    /// The eight weights of each of n kernels of five taps, plane after plane, from `taps` [n, 5]; and the taps' gradient
    /// from theirs. `factors` [8, 5] are the powers of the points.
    void (*convolution_mix)(ptrdiff_t n, const float *factors, const float *taps, float *mixed, ptrdiff_t plane);
    void (*convolution_mix_backward)(ptrdiff_t n, const float *factors, const float *mixed, ptrdiff_t plane,
                                     float *taps);

    /// y[n] += the sum of each column of x, row after row.
    void (*column_sums)(ptrdiff_t rows, ptrdiff_t n, const float *x, ptrdiff_t x_stride, float *y);

    /// y += factor * x.
    void (*add_scaled)(ptrdiff_t rows, ptrdiff_t n, float factor, const float *x, ptrdiff_t x_stride, float *y,
                       ptrdiff_t y_stride);

    double (*sum_of_squares)(ptrdiff_t n, const float *x);

    /// A step of AdamW: moments m and v and weights w from the gradient g, all [n].
    void (*adamw)(ptrdiff_t n, const vg_adamw *settings, const float *g, float *m, float *v, float *w);
} vg_kernels;

/// Products with constant weights of fewer bits, one table an instruction set and a precision. A and C are float32.
typedef struct {
    const char *name;
    /// How weights are packed: columns of one panel, and values along k that stand side by side.
    ptrdiff_t panel, group;

    /// Bytes that `pack` writes for B[k, n].
    ptrdiff_t (*packed_bytes)(ptrdiff_t k, ptrdiff_t n);

    /// Rounds and packs B[k, n], element (p, j) at b[p * row_stride + j * column_stride]; `packed` lies on 64 bytes.
    void (*pack)(ptrdiff_t k, ptrdiff_t n, const float *b, ptrdiff_t row_stride, ptrdiff_t column_stride, void *packed);

    /// Bytes that a product of A[m, k] takes for A in fewer bits: not more for fewer rows, nor for a smaller k.
    ptrdiff_t (*scratch_bytes)(ptrdiff_t m, ptrdiff_t k);

    /// C[m, n] = g(A[m, k] B[k, n] + ...). With int8, k is at most 65,536.
    void (*product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const float *a, ptrdiff_t a_stride, const void *packed,
                    float *c, ptrdiff_t c_stride, const vg_epilogue *epilogue, void *scratch);
} vg_narrow;

typedef enum { VG_PORTABLE = 0, VG_AVX2 = 1, VG_AVX512 = 2, VG_NEON = 3 } vg_isa;

/// The table of an instruction set, or NULL where this build or this processor lacks it.
const vg_kernels *vg_kernels_for(vg_isa isa);

typedef enum { VG_BFLOAT16 = 0, VG_INT8 = 1 } vg_precision;

/// The tables for products of a precision beside those of an instruction set, the fastest first; NULL where there are not
/// so many. The last needs nothing that the instruction set itself does not have.
const vg_narrow *vg_narrow_for(vg_isa isa, vg_precision precision, int index);

/// Floats that vg_pack writes: k rows of n columns, rounded up to whole panels.
ptrdiff_t vg_packed_count(ptrdiff_t k, ptrdiff_t n, ptrdiff_t panel);

/// Packs B[k, n], element (p, j) at b[p * row_stride + j * column_stride], into panels of `panel` columns, each k rows
/// long and zero beyond column n. The strides let a transposed matrix be packed as it is.
void vg_pack(ptrdiff_t k, ptrdiff_t n, const float *b, ptrdiff_t row_stride, ptrdiff_t column_stride, ptrdiff_t panel,
             float *packed);

/// The same for the panels from `first` up to `last` alone, by blocks that suit strides of either kind.
void vg_pack_panels(ptrdiff_t k, ptrdiff_t n, const float *b, ptrdiff_t row_stride, ptrdiff_t column_stride,
                    ptrdiff_t panel, ptrdiff_t first, ptrdiff_t last, float *packed);

/// Waits a moment for what another thread does, `waits` the times that this was called before: for some ten microseconds it
/// only pauses, then other threads have a turn.
void vg_wait(ptrdiff_t waits);

/// Folds the whole blocks of 64 bytes of `bytes` into 16 that have the same CRC-32 (zip's, gzip's) behind a register of
/// zeros as the blocks have behind the CRC-32 `sum`. Returns how many bytes that were; 0 where there are too few, or where
/// this build or this processor lacks the instruction.
size_t vg_crc32_fold(const uint8_t *bytes, size_t count, uint32_t sum, uint8_t *folded);

#endif
