#!/usr/bin/env bash
# Three servers on one PostgreSQL beside one server with a folder, in turns, all on this machine: how many jobs a second, how long a request
# takes, and how long a client with few jobs waits beside one with many. docs/cluster.md has the figures.
#
#   Tests/Load/shared.sh [PART…]     through, waited, latency, fair; all where none is named
#   ROUNDS=3 JOBS=3000 CLIENTS=12    how often each, of how many jobs, by how many connections
#   MANY=10000                       the jobs that the ten of fair are beside
#   POOLED=1                         the three reach PostgreSQL through PgBouncer in transaction mode
#   VIGIL=path                       the program; otherwise .build/release/vigil
#
# Needs PostgreSQL's programs. What servers and database had of the cores is told beside each figure: that is comparable where other work
# has the machine too.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v python3 >/dev/null || { echo "shared.sh: needs python3" >&2; exit 1; }
export VIGIL="${VIGIL:-$PWD/.build/release/vigil}" PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$PWD/Tests/EndToEnd"
exec python3 Tests/Load/shared.py "$@"
