#!/usr/bin/env bash
# The test suite and the kernels' check under clang's sanitizers.
#
#   run.sh [address|thread|kernels…]     all of them, or those named; what one finds ends the run
#
# address looks for leaks too, and for undefined behaviour in our C, which then traps; Swift itself has no such
# sanitizer on Linux, and needs none where it is not told to be unsafe.
# Needs the sanitizers' runtimes, which come with Swift on Linux. Build folders are .build-address and so on.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Swift's own report of a crash would come before the sanitizers'.
export SWIFT_BACKTRACE=enable=no

suite() {
    local name="$1"
    shift
    local build=(swift build --build-tests --sanitize "$name" --scratch-path ".build-$name")
    if [ "$name" = address ]; then build+=(-Xcc -fsanitize=undefined -Xcc -fsanitize-trap=undefined); fi
    "${build[@]}"
    local tests
    tests="$("${build[@]}" --show-bin-path)/vigilPackageTests.xctest"
    # One after the other: beside tests that only compute, and so slowed down, those with sockets would wait too long.
    env "$@" "$tests" --testing-library swift-testing --no-parallel
}

kernels() {
    local out
    out="$(mktemp -d)"
    clang -g -O2 -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra -std=gnu17 \
        -ISources/CKernels/include Sources/CKernels/*.c Tests/Kernels/check.c -lm -o "$out/check"
    "$out/check"
    rm -rf "$out"
}

[ $# -gt 0 ] || set -- kernels address thread
for name in "$@"; do
    echo "== $name sanitizer"
    start=$SECONDS
    case "$name" in
        kernels) kernels ;;
        address)
            suite address ASAN_OPTIONS="detect_leaks=1:suppressions=$PWD/Tests/Sanitizers/overflows.txt" \
                LSAN_OPTIONS="suppressions=$PWD/Tests/Sanitizers/leaks.txt"
            ;;
        thread)
            mkdir -p .build-thread
            clang -O2 -Wall -Wextra -fPIC -shared Tests/Sanitizers/mutex.c -ldl -o .build-thread/mutex.so
            suite thread LD_PRELOAD="$PWD/.build-thread/mutex.so" \
                TSAN_OPTIONS="suppressions=$PWD/Tests/Sanitizers/races.txt:exitcode=66"
            ;;
        *)
            echo "run.sh: $name: expected address, thread or kernels" >&2
            exit 64
            ;;
    esac
    echo "== $name sanitizer found nothing ($((SECONDS - start)) s)"
done
