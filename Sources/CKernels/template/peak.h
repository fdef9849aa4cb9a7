// The rate that nothing can exceed: multiply-adds that depend on nothing but themselves, enough of them to fill the
// units' pipelines.
KERNEL float ISA(peak)(ptrdiff_t rounds) {
    vf acc[12];
    vf factor = splat(0.999f), term = splat(0.001f);
    for (int i = 0; i < 12; i++) acc[i] = splat((float)i);
    for (ptrdiff_t round = 0; round < rounds; round++)
#pragma clang loop unroll(full)
        for (int i = 0; i < 12; i++) acc[i] = fma_vf(acc[i], factor, term);
    vf total = {};
    for (int i = 0; i < 12; i++) total += acc[i];
    return sum_vf(total);
}
