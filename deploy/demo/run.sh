#!/usr/bin/env bash
# Builds Vigil, serves the embedded model on a free port, uploads the sample, shows the job and its segments, stops.
#
# VIGIL names a binary to try in place of one that is built here.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The embedded model is untrained and its scores are low: these settings cut something out of them.
query='fps=30&threshold=0.12&leave=0.09&min_snippets=2'
sample=deploy/demo/sample.npy

if [ -z "${VIGIL:-}" ]; then
    deploy/setup.sh build demo
    swift build -c release --product vigil
    VIGIL="$(swift build -c release --product vigil --show-bin-path)/vigil"
fi

scratch="$(mktemp -d)"
server=''
finish() {
    status=$?
    trap - EXIT
    if [ -n "$server" ] && kill -0 "$server" 2>/dev/null; then
        kill -TERM "$server"
        wait "$server" || status=1
    fi
    if [ "$status" != 0 ]; then
        echo "demo: failed; the server's log:" >&2
        cat "$scratch/log" >&2 || true
    fi
    rm -rf "$scratch"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

fail() {
    echo "demo: $1" >&2
    exit 1
}

# A server that ends has said why in its log.
wait_for() {
    for _ in $(seq 300); do
        if "$@"; then return 0; fi
        kill -0 "$server" 2>/dev/null || fail 'the server ended'
        sleep 0.1
    done
    fail "the server was not there within 30 s"
}

listening() {
    url="$(sed -n 's/.* url=\(http:[^ ]*\).*/\1/p' "$scratch/log" | head -n 1)"
    [ -n "$url" ]
}

ready() { curl -sf -o "$scratch/ready" "$url/readyz"; }

echo
echo "\$ vigil serve --port 0 --state STATE"
"$VIGIL" serve --port 0 --state "$scratch/state" >"$scratch/log" 2>&1 </dev/null &
server=$!
wait_for listening
wait_for ready
echo "$url is ready: $(cat "$scratch/ready")"

echo
echo "\$ curl -F features=@$sample '$url/score?$query'"
curl -sS -f -F "features=@$sample" -D "$scratch/head" -o "$scratch/queued" "$url/score?$query" || fail 'the upload'
cat "$scratch/queued"
path="$(tr -d '\r' <"$scratch/head" | sed -n 's/^[Ll]ocation: //p')"
[ -n "$path" ] || fail 'the answer has no Location'

echo
echo
echo "\$ curl '$url$path?wait=30'"
curl -sS -f -o "$scratch/job" "$url$path?wait=30" || fail 'the job'
grep -q '"status":"succeeded"' "$scratch/job" || fail "the job did not succeed: $(cat "$scratch/job")"
# Rows of scores are left out here, and each property that is no number has a line of its own.
sed -E -e 's/"coarse":\[[^]]*\]/"coarse":[…]/' \
    -e 's/"scores":\[(\[[^]]*\],?)*\]/"scores":[…]/' \
    -e 's/,"(result|error|coarse|fine|video|segments|provenance|timings|created_at|model|warnings)":/,\n  "\1":/g' \
    "$scratch/job"

echo
echo
echo "The segments in it:"
segments="$(sed -n 's/.*"segments":\[\([^]]*\)\].*/\1/p' "$scratch/job")"
[ -n "$segments" ] || fail 'the result has no segments'
printf '%s' "$segments" | sed 's/},{/\n/g' | tr -d '{}"' | awk -F '[,:]' '
    BEGIN { printf "  %-10s %-10s %-10s %-10s %-8s %s\n", "snippet", "up to", "from s", "to s", "score", "label" }
    {
        for (i = 1; i < NF; i += 2) value[$i] = $(i + 1)
        printf "  %-10d %-10d %-10.1f %-10.1f %-8.3f %s\n", value["start"], value["end"], value["start_seconds"],
            value["end_seconds"], value["score"], value["label"]
    }'

echo
options=()
IFS='&' read -r -a pairs <<<"$query"
for pair in "${pairs[@]}"; do
    name="${pair%%=*}"
    options+=("--${name//_/-}" "${pair#*=}")
done
echo "\$ vigil score --format table ${options[*]} $sample"
"$VIGIL" score --format table "${options[@]}" "$sample"

echo
kill -TERM "$server"
wait "$server" || fail 'the server did not stop well'
server=''
echo "The server has stopped. The demo worked."
