// AArch64: 32 registers of 4 floats; a tile of 8 rows by 3 vectors.
#if defined(__aarch64__)
#define LANES 4
#define MR 8
#define NV 3
#define HAS_FMA
#define ISA(name) name##_neon
#define ISA_NAME "neon"
#include "template/vector.h"
#include "template/product.h"
#include "template/rows.h"
#include "template/convolution.h"
#include "template/outer.h"
#include "template/gradients.h"
#include "template/peak.h"
#include "template/table.h"
#endif
