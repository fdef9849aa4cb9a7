#!/usr/bin/env bash
# What make test runs: the end-to-end scripts, which start the real binary, and the suites of the package beside them.
#   JOBS=n          end-to-end checks at a time
#   WHOLE_MODULES=1 builds less, as Tests/build.sh says
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

deploy/setup.sh build test
swift build -c release --product vigil
vigil=$(swift build -c release --product vigil --show-bin-path)/vigil

logs=$(mktemp -d "${TMPDIR:-/tmp}/vigil-tests.XXXXXX")
# Suites and servers sync thousands of small files, and none cuts the power: in memory, where there is plenty, they wait for no
# disk. Checks make programs too, which not every such folder runs.
scratch=$logs
if [ -w /dev/shm ] && [ "$(df --output=avail -k /dev/shm | tail -n 1)" -gt 6291456 ] &&
    [ "$(awk '/^MemAvailable/ {print $2}' /proc/meminfo)" -gt 12582912 ]; then
    scratch=$(mktemp -d /dev/shm/vigil-tests.XXXXXX)
    printf '#!/bin/sh\n' >"$scratch/program"
    chmod +x "$scratch/program"
    if ! "$scratch/program" 2>/dev/null; then
        rm -r "$scratch"
        scratch=$logs
    fi
fi
# The golden checkpoints, half a gigabyte each, are made once for both.
export CHECKPOINTS=${CHECKPOINTS:-$scratch/checkpoints}
running=()
# An interrupt takes along what runs beside, and so does a build that fails.
trap 'kill -- ${running[@]+"${running[@]/#/-}"} 2>/dev/null || true; rm -rf "$logs" "$scratch"' EXIT
trap 'exit 130' INT TERM
# Runs a command beside, as a group of processes that ends as one.
beside() {
    set -m
    "$@" &
    running+=($!)
    set +m
}

# The checks wait most of their time, so that the tests are built beside them.
checks() {
    local code=0
    TMPDIR=$scratch VIGIL=$vigil Tests/EndToEnd/run.sh 2>&1 | tee "$logs/checks" || code=1
    if [ "$code" -ne 0 ]; then
        awk '/^== / {name = $2} /^FAIL/ {print name ": " $0; any = 1} END {exit !any}' "$logs/checks" >"$logs/checks.failed" ||
            tail -n 20 "$logs/checks" >"$logs/checks.failed"
    fi
    return "$code"
}
if [ -x Tests/EndToEnd/run.sh ]; then beside checks; fi
Tests/build.sh
bundle=$(swift build --show-bin-path)/vigilPackageTests.xctest

# The suites in a process of their own, which swift test would not allow beside a build or each other.
suites() {
    local name=$1 begun=$SECONDS code=0 TIMEFORMAT='%U %S'
    shift
    { time TMPDIR=$scratch "$bundle" --testing-library swift-testing --no-parallel "$@" >"$logs/$name" 2>&1 || code=$?; } \
        2>"$logs/$name.work"
    # Where a process ends on the way, its last lines tell in which test.
    if [ "$code" -ne 0 ]; then
        cat "$logs/$name"
        { grep -a -A 1 '✘.* recorded an issue' "$logs/$name" || true; tail -n 3 "$logs/$name"; } >"$logs/$name.failed"
    fi
    grep -aE '^(➜|↷) ' "$logs/$name" || true
    echo "== $name suites: $(grep -aE 'Test run with' "$logs/$name" | tail -n 1 | sed 's/^[^T]*//')," \
        "$((SECONDS - begun)) s, $(awk '{print $1 + $2}' "$logs/$name.work") s of work"
    return "$code"
}

# Each process runs its tests one after another: beside tests that compute in the same process, those that wait for
# others' threads would do so past their limits. Three run at a time; the last part begins where the shortest has ended, so
# that none takes as long as the end-to-end scripts.
sockets='^(HTTPClientTests|TLSTests|WebhooksTests)\.|^HTTPTests\.(Server|RuleTable|Listening|CompressionServer|QuietStream|CaseSuite)Tests'
stores='^(JobsTests|SQLiteStoreTests)\.'
models='^(CLIP|Tensors|VadCLIP|Engine|Training|Evaluation|Datasets|Extraction)Tests\.'
beside suites store --filter "$stores"
beside suites other --skip "$sockets" --skip "$stores" --skip "$models"
others() {
    local code=0
    suites socket --filter "$sockets" || code=1
    suites model --filter "$models" || code=1
    return "$code"
}
beside others
failed=0
for one in "${running[@]}"; do wait "$one" || failed=1; done
running=()
# Once more at the end: whoever sees of a long output only that sees which it was.
if [ "$failed" -ne 0 ]; then
    echo "== what failed"
    cut -c -400 "$logs"/*.failed || true
fi
exit "$failed"
