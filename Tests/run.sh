#!/usr/bin/env bash
# What make test runs: the suites of the package, then the end-to-end scripts, which start the real binary.
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/setup.sh build test
# One after another: beside the tests that compute, those that speak over sockets would wait for a thread past their limits.
swift test --no-parallel </dev/null
if [ -x Tests/EndToEnd/run.sh ]; then
    swift build -c release --product vigil
    VIGIL="$(swift build -c release --product vigil --show-bin-path)/vigil" Tests/EndToEnd/run.sh </dev/null
fi
