#!/usr/bin/env bash
# What keeping jobs on disk costs, and a store of 100,000 finished jobs: the figures of docs/performance.md, in turns.
#
#   Tests/Load/durable.sh [ROUNDS]    VIGIL names the binary; INSTALL=1 installs wrk; TMPDIR is where the stores are;
#                                     needs ../shared for the latency of a model of full size
set -euo pipefail
cd "$(dirname "$0")/../.."
root="$PWD"
vigil="${VIGIL:-$root/.build/release/vigil}"
[ -x "$vigil" ] || { echo "durable.sh: $vigil is not there: swift build -c release --product vigil" >&2; exit 1; }
if [ "${INSTALL:-0}" = 1 ] && [ "$(id -u)" = 0 ]; then
    apt-get install -y -qq --no-install-recommends wrk >/dev/null
fi
for tool in wrk python3; do
    command -v "$tool" >/dev/null || { echo "durable.sh: $tool is missing (INSTALL=1 installs wrk)" >&2; exit 1; }
done
python3 -c "import numpy" 2>/dev/null || { echo "durable.sh: needs numpy" >&2; exit 1; }
PYTHONDONTWRITEBYTECODE=1 exec python3 Tests/Load/durable.py "$vigil" "$root/../shared" "${1:-5}"
