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

/// Chroma of half a row's width made whole by four taps. Output i is min(sum_j weights[4 i + j] row[firsts[i] + j] >> 7, 32767),
/// for 2 * count outputs; count is 8 or more, firsts are 0 to count - 4, and those of the outputs 4 to 2 count - 5 are i / 2 - 2
/// of an even and i / 2 - 1 of an odd one, with the weights of outputs 4 and 5. Sums stay below 2^23 either way.
void vg_chroma_across(ptrdiff_t count, const uint8_t *row, const int32_t *firsts, const int32_t *weights, int16_t *to);

/// What makes R G B of brightness and chroma.
typedef struct {
    int32_t luma_offset, luma, v_red, v_green, u_green, u_blue;
} vg_colours;

/// A row of `pixels` pixels R G B: of its brightness, and of four rows of each chroma, as vg_chroma_across leaves them, by weights
/// of 4096 in all. Sums are of 32 bits and go round where they overflow, as libswscale's do.
void vg_colours_down(ptrdiff_t pixels, const uint8_t *luma, const int16_t *const *u, const int16_t *const *v,
                     const int32_t *weights, const vg_colours *colours, uint8_t *to);

/// The pixels of a row from right to left.
void vg_mirror(ptrdiff_t pixels, const uint8_t *from, uint8_t *to);

#endif
