// Resizes of bytes in clang's vectors of 16 lanes, which the compiler cuts to the registers that there are. The including
// file defines PIXELS(name).

typedef uint8_t PIXELS(b16) __attribute__((vector_size(16)));
typedef uint8_t PIXELS(b16_unaligned) __attribute__((vector_size(16), aligned(1)));
typedef int32_t PIXELS(i16) __attribute__((vector_size(64)));
#define BYTES PIXELS(b16)
#define SUMS PIXELS(i16)
#define LOAD(p) (*(const PIXELS(b16_unaligned) *)(p))
#define STORE(p, v) (*(PIXELS(b16_unaligned) *)(p) = (v))

// To bytes, clamped; by a pointer, as 64 bytes are passed otherwise with every instruction set.
__attribute__((always_inline)) static inline void PIXELS(put)(uint8_t *to, const SUMS *sums) {
    SUMS low = {}, high = low + 255;
    SUMS v = __builtin_elementwise_max(__builtin_elementwise_min(*sums >> 22, high), low);
    STORE(to, __builtin_convertvector(v, BYTES));
}

#define WEAVE_LOW(a, b) \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define WEAVE_HIGH(a, b) \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

// 16 rows of 16 bytes to 16 columns: four rounds of weaving the rows i and i + 8.
__attribute__((always_inline)) static inline void PIXELS(turn_block)(const uint8_t *from, ptrdiff_t from_stride,
                                                                     uint8_t *to, ptrdiff_t to_stride) {
    BYTES a[16], b[16];
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) a[i] = LOAD(from + i * from_stride);
#pragma clang loop unroll(full)
    for (int round = 0; round < 4; round++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < 8; i++) {
            b[2 * i] = WEAVE_LOW(a[i], a[i + 8]);
            b[2 * i + 1] = WEAVE_HIGH(a[i], a[i + 8]);
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < 16; i++) a[i] = b[i];
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) STORE(to + i * to_stride, a[i]);
}

// `rows` rows of `count` bytes to `count` columns of 16, of which those past the last row repeat it.
static void PIXELS(turn_in)(ptrdiff_t rows, ptrdiff_t count, const uint8_t *from, ptrdiff_t stride, uint8_t *columns) {
    ptrdiff_t at = 0;
    if (rows == 16)
        for (; at + 16 <= count; at += 16) PIXELS(turn_block)(from + at, stride, columns + 16 * at, 16);
    for (; at < count; at++)
        for (ptrdiff_t row = 0; row < 16; row++)
            columns[16 * at + row] = from[(row < rows ? row : rows - 1) * stride + at];
}

static void PIXELS(turn_out)(ptrdiff_t rows, ptrdiff_t count, const uint8_t *columns, uint8_t *to, ptrdiff_t stride) {
    ptrdiff_t at = 0;
    if (rows == 16)
        for (; at + 16 <= count; at += 16) PIXELS(turn_block)(columns + 16 * at, 16, to + at, stride);
    for (; at < count; at++)
        for (ptrdiff_t row = 0; row < rows; row++) to[row * stride + at] = columns[16 * at + row];
}

// A lane a row: the weights of a pixel are the same for all of them.
static void PIXELS(across)(ptrdiff_t rows, ptrdiff_t pixels, const uint8_t *from, ptrdiff_t from_stride,
                           const vg_taps *taps, uint8_t *to, ptrdiff_t to_stride, uint8_t *scratch) {
    uint8_t *columns = scratch, *turned = scratch + VG_RESIZED_ROWS * 3 * pixels;
    PIXELS(turn_in)(rows, 3 * pixels, from, from_stride, columns);
    for (ptrdiff_t i = 0; i < taps->outputs; i++) {
        const uint8_t *p = columns + 48 * (ptrdiff_t)taps->firsts[i];
        const int32_t *w = taps->weights + i * taps->most;
        SUMS r = (SUMS){} + (1 << 21), g = r, b = r;
        for (ptrdiff_t j = 0; j < taps->counts[i]; j++, p += 48) {
            r += __builtin_convertvector(LOAD(p), SUMS) * w[j];
            g += __builtin_convertvector(LOAD(p + 16), SUMS) * w[j];
            b += __builtin_convertvector(LOAD(p + 32), SUMS) * w[j];
        }
        PIXELS(put)(turned + 48 * i, &r);
        PIXELS(put)(turned + 48 * i + 16, &g);
        PIXELS(put)(turned + 48 * i + 32, &b);
    }
    PIXELS(turn_out)(rows, 3 * taps->outputs, turned, to, to_stride);
}

// A lane a byte of the row.
static void PIXELS(down)(ptrdiff_t bytes, ptrdiff_t count, const uint8_t *from, ptrdiff_t stride,
                         const int32_t *weights, uint8_t *to) {
    ptrdiff_t at = 0;
    for (; at + 48 <= bytes; at += 48) {
        const uint8_t *p = from + at;
        SUMS a = (SUMS){} + (1 << 21), b = a, c = a;
        for (ptrdiff_t j = 0; j < count; j++, p += stride) {
            a += __builtin_convertvector(LOAD(p), SUMS) * weights[j];
            b += __builtin_convertvector(LOAD(p + 16), SUMS) * weights[j];
            c += __builtin_convertvector(LOAD(p + 32), SUMS) * weights[j];
        }
        PIXELS(put)(to + at, &a);
        PIXELS(put)(to + at + 16, &b);
        PIXELS(put)(to + at + 32, &c);
    }
    for (; at < bytes; at++) {
        int32_t sum = 1 << 21;
        for (ptrdiff_t j = 0; j < count; j++) sum += from[j * stride + at] * weights[j];
        sum >>= 22;
        to[at] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

static void PIXELS(bilinear_across)(ptrdiff_t pixels, const uint8_t *row, const int32_t *left, const int32_t *right,
                                    const int16_t *u, const int16_t *v, int16_t *to) {
    for (ptrdiff_t i = 0; i < pixels; i++) {
        const uint8_t *a = row + left[i], *b = row + right[i];
        int32_t x = u[i], y = v[i];
        to[3 * i] = (int16_t)((a[0] * x + b[0] * y) >> 4);
        to[3 * i + 1] = (int16_t)((a[1] * x + b[1] * y) >> 4);
        to[3 * i + 2] = (int16_t)((a[2] * x + b[2] * y) >> 4);
    }
}

static void PIXELS(bilinear_down)(ptrdiff_t count, const int16_t *restrict top, const int16_t *restrict bottom,
                                  int32_t u, int32_t v, uint8_t *restrict to) {
    for (ptrdiff_t i = 0; i < count; i++)
        to[i] = (uint8_t)(((top[i] * u >> 16) + (bottom[i] * v >> 16) + 2) >> 2);
}

static void PIXELS(chroma_across)(ptrdiff_t count, const uint8_t *restrict row, const int32_t *restrict firsts,
                                  const int32_t *restrict weights, int16_t *restrict to) {
    for (ptrdiff_t i = 0; i < 2 * count; i++) {
        if (i == 4) i = 2 * count - 4;
        const uint8_t *p = row + firsts[i];
        const int32_t *w = weights + 4 * i;
        int32_t sum = (w[0] * p[0] + w[1] * p[1] + w[2] * p[2] + w[3] * p[3]) >> 7;
        to[i] = (int16_t)(sum < 32767 ? sum : 32767);
    }
    int32_t a0 = weights[16], a1 = weights[17], a2 = weights[18], a3 = weights[19];
    int32_t b0 = weights[20], b1 = weights[21], b2 = weights[22], b3 = weights[23];
    for (ptrdiff_t i = 2; i < count - 2; i++) {
        int32_t even = (a0 * row[i - 2] + a1 * row[i - 1] + a2 * row[i] + a3 * row[i + 1]) >> 7;
        int32_t odd = (b0 * row[i - 1] + b1 * row[i] + b2 * row[i + 1] + b3 * row[i + 2]) >> 7;
        to[2 * i] = (int16_t)(even < 32767 ? even : 32767);
        to[2 * i + 1] = (int16_t)(odd < 32767 ? odd : 32767);
    }
}

__attribute__((always_inline)) static inline uint8_t PIXELS(colour)(uint32_t sum) {
    int32_t x = (int32_t)sum;
    x = x < 0 ? 0 : x;
    x = x > (1 << 30) - 1 ? (1 << 30) - 1 : x;
    return (uint8_t)(x >> 22);
}

static void PIXELS(colours_down)(ptrdiff_t pixels, const uint8_t *restrict luma, const int16_t *const *u,
                                 const int16_t *const *v, const int32_t *weights, const vg_colours *colours,
                                 uint8_t *restrict to) {
    const int16_t *restrict u0 = u[0], *restrict u1 = u[1], *restrict u2 = u[2], *restrict u3 = u[3];
    const int16_t *restrict v0 = v[0], *restrict v1 = v[1], *restrict v2 = v[2], *restrict v3 = v[3];
    int32_t w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
    vg_colours c = *colours;
    uint32_t v_red = (uint32_t)c.v_red, v_green = (uint32_t)c.v_green, u_green = (uint32_t)c.u_green,
             u_blue = (uint32_t)c.u_blue;
    for (ptrdiff_t i = 0; i < pixels; i++) {
        int32_t uu = 512 - (128 << 19) + u0[i] * w0 + u1[i] * w1 + u2[i] * w2 + u3[i] * w3;
        int32_t vv = 512 - (128 << 19) + v0[i] * w0 + v1[i] * w1 + v2[i] * w2 + v3[i] * w3;
        uint32_t y = (uint32_t)((luma[i] << 9) - c.luma_offset) * (uint32_t)c.luma + (1u << 21);
        uint32_t uw = (uint32_t)(uu >> 10), vw = (uint32_t)(vv >> 10);
        to[3 * i] = PIXELS(colour)(y + vw * v_red);
        to[3 * i + 1] = PIXELS(colour)(y + vw * v_green + uw * u_green);
        to[3 * i + 2] = PIXELS(colour)(y + uw * u_blue);
    }
}

#undef BYTES
#undef SUMS
#undef LOAD
#undef STORE
#undef WEAVE_LOW
#undef WEAVE_HIGH
