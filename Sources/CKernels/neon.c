// AArch64: 32 registers of 4 floats; a tile of 8 rows by 3 vectors.
#if defined(__aarch64__)
#define LANES 4
#define MR 8
#define NV 3
#define HAS_FMA
#define ISA(name) name##_neon
#define ISA_NAME "neon"
#define REMAINDERS \
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
#endif
