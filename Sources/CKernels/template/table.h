// The table of this instruction set's kernels.
const vg_kernels ISA(vg_kernels) = {
    .name = ISA_NAME,
    .panel = PANEL,
    .product = ISA(product),
    .product_plain = ISA(product_plain),
    .dots = ISA(dots),
    .layer_norm = ISA(layer_norm),
    .quick_gelu = ISA(quick_gelu),
    .softmax = ISA(softmax),
    .similarity = ISA(similarity),
    .decay = ISA(decay),
    .convolution_in = ISA(convolution_in),
    .convolution_out = ISA(convolution_out),
    .peak = ISA(peak),
    .peak_flops = 2 * 12 * LANES,
    .exponential = ISA(exponential),
};
