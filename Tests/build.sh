#!/usr/bin/env bash
# Builds the package with its tests, which is nothing where it is built already.
#   WHOLE_MODULES=1 in a fresh clone, builds each module at once, with lines for debuggers and no more: a quarter less work
#                   than file by file, but after a change more
set -euo pipefail
cd "$(dirname "$0")/.."

whole=()
if [ -e .build/whole-modules ] || { [ "${WHOLE_MODULES:-}" = 1 ] && [ ! -e .build/debug ]; }; then
    whole=(-Xswiftc -whole-module-optimization -Xswiftc -num-threads -Xswiftc 2 -Xswiftc -gline-tables-only
        -Xswiftc -Xfrontend -Xswiftc -disable-llvm-verify)
    mkdir -p .build
    touch .build/whole-modules
fi
exec swift build --build-tests ${whole[@]+"${whole[@]}"}
