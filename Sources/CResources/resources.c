#include "CResources.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char demo_model[] __attribute__((aligned(64))) = {
#embed "demo.safetensors"
};

static const unsigned char openapi[] = {
#embed "../../openapi.yaml"
};

const unsigned char *vigil_demo_model(void) { return demo_model; }
ptrdiff_t vigil_demo_model_size(void) { return sizeof demo_model; }

const unsigned char *vigil_openapi(void) { return openapi; }
ptrdiff_t vigil_openapi_size(void) { return sizeof openapi; }
