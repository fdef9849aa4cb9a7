// x86-64 with AVX2 and FMA: 16 registers of 8 floats; a tile of 6 rows by 2 vectors.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LANES 8
#define MR 6
#define NV 2
#define HAS_FMA
#define ISA(name) name##_avx2
#define ISA_NAME "avx2"
#include "template/vector.h"
#include "template/product.h"
#include "template/rows.h"
#include "template/convolution.h"
#include "template/outer.h"
#include "template/gradients.h"
#include "template/peak.h"
#include "template/table.h"
#pragma clang attribute pop
#endif
