#!/usr/bin/env bash
# Restarts one server behind HAProxy without a request that fails: roll.sh ADMIN-SOCKET SERVER COMMAND…
# HAProxy sends it no further uploads; when those under way are through, COMMAND restarts it (systemctl restart vigil, say);
# when it is ready, uploads are sent again. Polls of its jobs go to it all the time. Needs socat.
set -euo pipefail
admin=$1 server=$2
shift 2
tell() { socat - "UNIX-CONNECT:$admin" <<<"$1"; }
# A column of the server's line in a backend: 5 current sessions, 18 its status, 37 what the last check found.
column() { tell "show stat" | awk -F, -v server="$server" -v backend="$1" -v column="$2" '$1 == backend && $2 == server {print $column}'; }
# The backends that look at it.
looking=(submissions reads jobs_unknown)
# The limit is for a server that never comes back: the command's exit code tells of it.
wait_for() {
    local end=$((SECONDS + ${LIMIT:-300}))
    until "$@"; do
        ((SECONDS < end)) || { echo "roll.sh: $server: waited in vain: $*" >&2; exit 1; }
        sleep 0.2
    done
}
is_idle() { [[ $(column submissions 5) == 0 ]]; }
is_well() { [[ $(column "$1" 37) == *L7OK* && $(column "$1" 18) != DOWN* ]]; }

tell "set server submissions/$server state drain" >/dev/null
trap 'tell "set server submissions/$server state ready" >/dev/null' EXIT
wait_for is_idle
"$@"
# What was found before the restart says nothing: the next check brings it up again.
for backend in "${looking[@]}"; do tell "set server $backend/$server health down" >/dev/null; done
for backend in "${looking[@]}"; do wait_for is_well "$backend"; done
