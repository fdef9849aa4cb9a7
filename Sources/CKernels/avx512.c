// x86-64 with AVX-512: 32 registers of 16 floats; a tile of 12 rows by 2 vectors.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"))), apply_to = function)
#define LANES 16
#define MR 12
#define NV 2
#define HAS_FMA
#define ISA(name) name##_avx512
#define ISA_NAME "avx512"
#define REMAINDERS \
    case 11: TILE(11, 1); break; \
    case 10: TILE(10, 1); break; \
    case 9: TILE(9, 1); break; \
    case 8: TILE(8, 1); break; \
    case 7: TILE(7, 1); break; \
    case 6: TILE(6, 1); break; \
    case 5: TILE(5, 1); break; \
    case 4: TILE(4, 1); break; \
    case 3: TILE(3, 1); break; \
    case 2: TILE(2, 1); break; \
    case 1: TILE(1, 1); break;
#include "template/vector.h"
#include "template/product.h"
#include "template/rows.h"
#include "template/peak.h"
#include "template/table.h"
#pragma clang attribute pop
#endif
