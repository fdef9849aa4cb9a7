#!/usr/bin/env bash
# What being observed costs: servers without and with traces (1 % sampled, to a collector of loopback), scrapes, JSON logs, an
# access log and an audit log, in turns; GET /livez, and T = 30 of the demo model scored in memory. Requests a second and the
# server's processor time for one, against the server without; "the same" is another one without, and what it differs by is noise.
# Fails where traces cost more than 3 %. No network but a loopback of its own.
#
#   Tests/Load/observed.sh [ROUNDS]    VIGIL names the binary; INSTALL=1 installs wrk; SECONDS_EACH=3;
#                                      ONLY=traces,audit measures these ways alone
set -euo pipefail
cd "$(dirname "$0")/../.."
vigil="$(realpath "${VIGIL:-.build/release/vigil}")"
[ -x "$vigil" ] || { echo "observed.sh: $vigil is not there: swift build -c release --product vigil" >&2; exit 1; }
if [ "${INSTALL:-0}" = 1 ] && [ "$(id -u)" = 0 ]; then
    apt-get install -y -qq --no-install-recommends wrk >/dev/null
fi
for tool in wrk python3; do
    command -v "$tool" >/dev/null || { echo "observed.sh: $tool is missing (INSTALL=1 installs wrk)" >&2; exit 1; }
done
python3 -c "import numpy" 2>/dev/null || { echo "observed.sh: needs numpy" >&2; exit 1; }
export PYTHONDONTWRITEBYTECODE=1
exec python3 Tests/EndToEnd/support/alone.py Tests/Load/observed.py "$vigil" "${1:-5}" "${SECONDS_EACH:-3}"
