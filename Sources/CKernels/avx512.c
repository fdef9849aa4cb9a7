// x86-64 with AVX-512: 32 registers of 16 floats; a tile of 12 rows by 2 vectors.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"))), apply_to = function)
#define LANES 16
#define MR 12
#define NV 2
#define HAS_FMA
#define ISA(name) name##_avx512
#define ISA_NAME "avx512"
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
