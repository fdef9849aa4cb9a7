#!/usr/bin/env bash
# Mixed traffic for a while, good and hostile, and then the question whether the server is as it was: memory,
# descriptors and threads at rest in the middle of the time and at its end, and each request accounted for.
#
#   Tests/Load/soak.sh     VIGIL names the binary; MINUTES=15 (may be a fraction); INSTALL=1 installs slowhttptest
set -euo pipefail
cd "$(dirname "$0")/../.."
export VIGIL="${VIGIL:-$PWD/.build/release/vigil}"
[ -x "$VIGIL" ] || { echo "soak.sh: $VIGIL is not there: swift build -c release --product vigil" >&2; exit 1; }
command -v python3 >/dev/null || { echo "skipped: needs python3"; exit 0; }
if [ "${INSTALL:-0}" = 1 ] && [ "$(id -u)" = 0 ] && ! command -v slowhttptest >/dev/null; then
    apt-get install -y -qq --no-install-recommends slowhttptest >/dev/null || true
fi
command -v slowhttptest >/dev/null || echo "slowhttptest is not there (INSTALL=1 installs it): only our own slow clients run"
ulimit -n "$(ulimit -Hn)"
PYTHONDONTWRITEBYTECODE=1 exec python3 Tests/Load/soak.py
