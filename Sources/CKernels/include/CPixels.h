#ifndef VIGIL_CPIXELS_H
#define VIGIL_CPIXELS_H

#include <stddef.h>
#include <stdint.h>

// Resizes of images of bytes, R G B by rows, exact to the byte. The caller owns every buffer, no pointer is kept, nothing
// is allocated, and inputs and outputs do not overlap. Every instruction set gives the same bytes.

/// Rows that vg_resize_across takes at once.
#define VG_RESIZED_ROWS 16

/// Weights along one axis: output i is clamp((2^21 + sum_j weights[i * most + j] p[firsts[i] + j]) >> 22, 0, 255), j below
/// counts[i] <= most. Sums of |weight| are below 2^23, so that nothing overflows.
typedef struct {
    ptrdiff_t outputs, most;
    const int32_t *firsts, *counts, *weights;
} vg_taps;

/// Resizes 1 to VG_RESIZED_ROWS rows along the row: `pixels` pixels a row from `from` on, which the taps count from 0, to
/// taps->outputs pixels a row. `scratch` has VG_RESIZED_ROWS * 3 * (pixels + taps->outputs) bytes.
void vg_resize_across(ptrdiff_t rows, ptrdiff_t pixels, const uint8_t *from, ptrdiff_t from_stride, const vg_taps *taps,
                      uint8_t *to, ptrdiff_t to_stride, uint8_t *scratch);

/// One output row of a resize across rows: `count` weighted rows of `bytes` bytes each, from `from` on.
void vg_resize_down(ptrdiff_t bytes, ptrdiff_t count, const uint8_t *from, ptrdiff_t from_stride, const int32_t *weights,
                    uint8_t *to);

/// The first step of OpenCV's bilinear resize: to[3 i + c] = (row[left[i] + c] u[i] + row[right[i] + c] v[i]) >> 4, for
/// `pixels` pixels; u and v are 0 to 2048, left and right in bytes.
void vg_bilinear_across(ptrdiff_t pixels, const uint8_t *row, const int32_t *left, const int32_t *right,
                        const int16_t *u, const int16_t *v, int16_t *to);

/// The second: to = ((top u >> 16) + (bottom v >> 16) + 2) >> 2, for `count` numbers.
void vg_bilinear_down(ptrdiff_t count, const int16_t *top, const int16_t *bottom, int32_t u, int32_t v, uint8_t *to);

/// The pixels of a row from right to left.
void vg_mirror(ptrdiff_t pixels, const uint8_t *from, uint8_t *to);

#endif
