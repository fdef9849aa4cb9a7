#!/usr/bin/env bash
# The clients as they are handed out, in .build/clients or the folder named: the wheel of the Python one, and the JavaScript and
# types of the TypeScript one where tsc is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
out=$(realpath -m "${1:-../../.build/clients}")
mkdir -p "$out"
python3 -B python/sync.py --check || { echo "python/_sync.py is not what sync.py makes of _async.py: run it"; exit 1; }
python3 -B python/backend.py "$out"
if command -v tsc >/dev/null; then
    tsc -p typescript --outDir "$out"
    echo "$out/vigil.js"
    echo "$out/vigil.d.ts"
else
    echo "vigil.js is not made: needs tsc"
fi
