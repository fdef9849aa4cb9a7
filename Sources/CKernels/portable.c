// Any processor: vectors of four floats, which the compiler maps to what the target has or to scalars.
#define LANES 4
#define MR 4
#define NV 2
#define ISA(name) name##_portable
#define ISA_NAME "portable"
#include "template/vector.h"
#include "template/product.h"
#include "template/rows.h"
#include "template/convolution.h"
#include "template/outer.h"
#include "template/gradients.h"
#include "template/peak.h"
#include "template/table.h"
