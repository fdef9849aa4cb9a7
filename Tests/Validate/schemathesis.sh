#!/usr/bin/env bash
# A server that nothing leaves, and schemathesis at it: schemathesis.sh VIGIL FOLDER. Called in a network of its own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vigil=$1 work=$2
ip link set lo up 2>/dev/null || python3 - <<'END'
import fcntl, socket, struct
with socket.socket() as one:
    fcntl.ioctl(one, 0x8914, struct.pack("16sh22x", b"lo", 1))
END
env -i PATH="$PATH" "$vigil" serve --port 0 --state "$work/state" --log-level info --result-ttl 600 >"$work/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
until port=$(sed -n 's/.*url=http:[^ ]*:\([0-9]*\).*/\1/p' "$work/log") && [[ -n $port ]]; do
    kill -0 "$server" || { cat "$work/log"; exit 1; }
    sleep 0.1
done
cd "$work"
SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONPATH=$here schemathesis --config-file "$here/schemathesis.toml" run \
    "$here/../../openapi.yaml" --url "http://127.0.0.1:$port" --checks all --no-color --max-examples "${EXAMPLES:-15}"
kill "$server"
wait "$server"
