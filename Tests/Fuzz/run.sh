#!/usr/bin/env bash
# Builds the fuzzers and lets each look for inputs that break a law of Tests/Fuzz/Properties, or the sanitizers' rules.
#
#   run.sh [TARGET…]     all targets, or those named
#   run.sh TARGET FILE…  runs these inputs once each, to see again what was found
#   FUZZ_SECONDS=60      for each target, as many at once as there are cores
#   BUILD_ONLY=1         builds them and no more
#   CORPUS=folder        where inputs are kept between runs; otherwise each run begins with the seeds alone
#
# What was found is left in .build-fuzz/found; it becomes a test beside the code that it broke.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds="${FUZZ_SECONDS:-60}"
scratch="$PWD/.build-fuzz"
targets=(request chunked multipart fields npy safetensors json table mat zip pickle gzip callback answer inference frames)

runtime="$(clang -print-resource-dir 2>/dev/null || true)"
if ! ls "$runtime"/lib/*/libclang_rt.fuzzer*.a >/dev/null 2>&1; then
    runtime="$(dirname "$(realpath "$(command -v swift)")")/../lib/clang"
    if ! find "$runtime" -name 'libclang_rt.fuzzer*.a' 2>/dev/null | grep -q .; then
        echo "skipped: this Swift has no libFuzzer"
        exit 0
    fi
fi
command -v python3 >/dev/null || { echo "skipped: python3 is not there, which makes the seeds"; exit 0; }

# Of several -sanitize the last one decides on the counters that lead the fuzzer, so it names both.
build=(swift build -c release --product Fuzz --scratch-path "$scratch" --disable-dead-strip
    --sanitize fuzzer --sanitize address -Xswiftc -sanitize=fuzzer,address -Xswiftc -enable-testing)
VIGIL_FUZZ=1 "${build[@]}"
[ "${BUILD_ONLY:-}" != 1 ] || exit 0
program="$(VIGIL_FUZZ=1 "${build[@]}" --show-bin-path)/Fuzz"

found="$scratch/found"
mkdir -p "$found"
export ASAN_OPTIONS="${ASAN_OPTIONS:-quarantine_size_mb=32}"
# Swift's own report of a crash would come before libFuzzer's, and the sanitizer does not like it.
export SWIFT_BACKTRACE=enable=no
common=(-timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=128 -max_len=4096 -print_final_stats=1)

fuzz() {
    VIGIL_FUZZ_TARGET="$1" "$program" "${common[@]}" -artifact_prefix="$found/$1-" "${@:2}"
}

if [ $# -ge 2 ] && [ -f "$2" ]; then
    fuzz "$@"
    exit
fi

corpus="${CORPUS:-}"
if [ -z "$corpus" ]; then
    corpus="$(mktemp -d)"
    trap 'rm -rf "$corpus"' EXIT
fi
python3 Tests/Fuzz/seeds.py "$corpus/seeds"
[ $# -eq 0 ] || targets=("$@")

# One target; its lines come together once it has ended.
one() {
    local target=$1 log="$scratch/$1.log" runs peak covered
    mkdir -p "$corpus/$target"
    if fuzz "$target" -max_total_time="$seconds" -use_value_profile=1 "$corpus/$target" "$corpus/seeds/$target" \
        >"$log" 2>&1; then
        runs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
        peak="$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")"
        covered="$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)"
        printf '%-12s passed: %9s inputs in %s s, %s edges, %s MiB at most\n' \
            "$target" "$runs" "$seconds" "$covered" "$peak"
    else
        printf '%s\n%s FAILED: %s; the input is %s\n' \
            "$(grep -E -m 3 'law does not hold|ERROR: |Fatal error|SUMMARY' "$log" || tail -20 "$log")" \
            "$target" "$log" "$(ls -t "$found/$target-"* 2>/dev/null | head -1)"
        return 1
    fi
}
# As many at once as there are cores: each has one for itself.
running=()
code=0
for target in "${targets[@]}"; do
    if [ "${#running[@]}" -ge "$(nproc)" ]; then
        wait "${running[0]}" || code=1
        running=("${running[@]:1}")
    fi
    one "$target" &
    running+=($!)
done
for one in "${running[@]}"; do wait "$one" || code=1; done
exit "$code"
