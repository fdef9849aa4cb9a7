#!/usr/bin/env bash
# Restarts one server behind HAProxy without a request that fails: roll.sh ADMIN-SOCKET SERVER COMMAND…
# HAProxy sends it no further uploads; when those under way are through, COMMAND restarts it (systemctl restart vigil, say);
# when it is ready, uploads are sent again. Polls of its jobs go to it all the time. Needs socat.
set -euo pipefail
admin=$1 server=$2
shift 2
tell() { socat - "UNIX-CONNECT:$admin" <<<"$1"; }
# A column of the server's line: 5 current sessions, 18 its status, 37 what the last check found.
column() { tell "show stat" | awk -F, -v server="$server" -v column="$1" '$1 == "submissions" && $2 == server {print $column}'; }
# The limit is for a server that never comes back: the command's exit code tells of it.
wait_for() {
    local end=$((SECONDS + ${LIMIT:-300}))
    until "$@"; do
        ((SECONDS < end)) || { echo "roll.sh: $server: waited in vain: $*" >&2; exit 1; }
        sleep 0.2
    done
}
is_idle() { [[ $(column 5) == 0 ]]; }
is_well() { [[ $(column 37) == *L7OK* && $(column 18) != DOWN* ]]; }

tell "set server submissions/$server state drain" >/dev/null
trap 'tell "set server submissions/$server state ready" >/dev/null' EXIT
wait_for is_idle
"$@"
# What was found before the restart says nothing: the next check brings it up again.
tell "set server submissions/$server health down" >/dev/null
wait_for is_well
