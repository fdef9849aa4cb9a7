#!/usr/bin/env bash
# What one PostgreSQL carries: submits, claims and completions a second, its CPU and its log a job, for 1 to 50 servers. docs/scale.md has
# the figures and reckons with them.
#
#   Tests/Load/scale.sh [PART…]      submit, work, store, servers, poll, pooled; by name alone vigil and aged, which takes half an hour. Measures for minutes.
#   AGED=1000000 HELD=600            of aged: jobs that have gone through before, and the seconds that a transaction is held open meanwhile; HELD=0 for none
#   SECONDS_EACH=10                  how long each measurement lasts
#   SERVERS="1 3 10 20 50"           how many servers there are in turns
#   VIGIL=path                       for vigil, which runs real servers with the demo model: the program
#   SCALE=path                       the simulation, otherwise built: servers without HTTP in one process, whose workers only wait
#
# Needs PostgreSQL's programs, and pgbouncer for pooled. Everything is on this machine, so that servers and database share its cores: what
# the database had of them is told apart.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v python3 >/dev/null || { echo "scale.sh: needs python3" >&2; exit 1; }
if [[ -z ${SCALE:-} ]]; then
    VIGIL_SCALE=1 swift build -c release --product Scale --scratch-path .build-scale >&2
    SCALE=$(VIGIL_SCALE=1 swift build -c release --product Scale --scratch-path .build-scale --show-bin-path)/Scale
fi
export SCALE VIGIL="${VIGIL:-$PWD/.build/release/vigil}" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$PWD/Tests/EndToEnd"
exec python3 Tests/Load/scale.py "$@"
