// Products with constant weights of fewer bits: what both precisions have in common.
//
// B lies in panels of PANEL columns. Of a panel, `group` values of a column that follow each other along k stand side by
// side, so that one vector has them of LANES columns and one broadcast has those of a row of A:
// [k / group][PANEL][group], zero beyond k and beyond column n. Tiles are those of product.h, k runs from end to end.
#include "tile.h"

// Nothing here may be rounded in another way on one processor than on the next.
#pragma clang fp contract(off)

// Rows that are prepared at a time, whole tiles.
#define BLOCK ((256 + MR - 1) / MR * MR)
#define CACHE_LINE 64

typedef int32_t vi_unaligned __attribute__((vector_size(4 * LANES), aligned(1)));
INLINE vi load_i(const void *p) { return *(const vi_unaligned *)p; }
INLINE vi splat_i(int32_t x) { return x - (vi){}; }

// A group of a row of A.
INLINE int32_t load_group(const void *p) {
    int32_t group;
    memcpy(&group, p, sizeof group);
    return group;
}

// Bytes of a prepared row: an odd number of cache lines, so that rows below each other don't share a set of the cache.
INLINE ptrdiff_t row_bytes(ptrdiff_t values, ptrdiff_t size) {
    ptrdiff_t lines = (values * size + CACHE_LINE - 1) / CACHE_LINE;
    return (lines | 1) * CACHE_LINE;
}

// The rows past the last whole tile, each number of them by a kernel of its own; RUN(rows) runs it.
#define RUN_3(RUN) case 3: RUN(3); break; case 2: RUN(2); break; case 1: RUN(1); break;
#define RUN_5(RUN) case 5: RUN(5); break; case 4: RUN(4); break; RUN_3(RUN)
#define RUN_7(RUN) case 7: RUN(7); break; case 6: RUN(6); break; RUN_5(RUN)
#define RUN_11(RUN) case 11: RUN(11); break; case 10: RUN(10); break; case 9: RUN(9); break; case 8: RUN(8); break; RUN_7(RUN)
#if MR == 12
#define RUN_FEWER RUN_11
#elif MR == 8
#define RUN_FEWER RUN_7
#elif MR == 6
#define RUN_FEWER RUN_5
#elif MR == 4
#define RUN_FEWER RUN_3
#endif
#define RUN_REST(rows, RUN) switch (rows) { RUN_FEWER(RUN) }
