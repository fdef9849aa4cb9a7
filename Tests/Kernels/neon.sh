#!/usr/bin/env bash
# Compiles the kernels for AArch64 with Debian's cross compiler's libraries and checks them under qemu's user emulation.
# INSTALL=1 installs what is missing; without it and without the tools this is skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${INSTALL:-0}" = 1 ] && [ "$(id -u)" = 0 ]; then
    apt-get install -y -qq --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user >/dev/null
fi
for tool in clang aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not there (INSTALL=1 installs it)"; exit 0; }
done

out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT
# The kernels are written in clang's vector notation, so clang compiles them and the cross gcc links.
for file in Sources/CKernels/*.c Tests/Kernels/check.c; do
    clang --target=aarch64-linux-gnu --sysroot=/usr/aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include \
        -O2 -Wall -Wextra -std=gnu17 -ISources/CKernels/include -c "$file" -o "$out/$(basename "$file" .c).o"
done
aarch64-linux-gnu-gcc -static "$out"/*.o -lm -o "$out/check"
qemu-aarch64 "$out/check"
