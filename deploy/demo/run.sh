#!/usr/bin/env bash
# Builds Vigil, serves the embedded model on a free port, uploads the sample video, shows the job and its segments beside what
# is in the video, and stops.
#
# VIGIL names a binary to try in place of one that is built here.
set -euo pipefail
cd "$(dirname "$0")/../.."

# One event is one segment, though a snippet in its middle scores lower.
query='threshold=0.5&leave=0.3&min_snippets=2&merge_gap=3'
sample=deploy/demo/sample.mp4
truth=deploy/demo/sample.csv

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

# Videos of strangers are taken within bubblewrap alone, which not every container allows; the sample is none.
allowed=()
if ! bwrap --unshare-all --ro-bind / / true 2>/dev/null; then
    echo "bubblewrap does not work here, so the server is told to decode without it"
    allowed=(--allow-unsandboxed-video)
fi

echo
echo "\$ vigil serve --port 0 --state STATE ${allowed[*]-}"
"$VIGIL" serve --port 0 --state "$scratch/state" ${allowed[@]+"${allowed[@]}"} >"$scratch/log" 2>&1 </dev/null &
server=$!
wait_for listening
wait_for ready
echo "$url is ready: $(cat "$scratch/ready")"

echo
echo "\$ curl -F video=@$sample '$url/score?$query'"
curl -sS -f -F "video=@$sample" -D "$scratch/head" -o "$scratch/queued" "$url/score?$query" || fail 'the upload'
cat "$scratch/queued"
path="$(tr -d '\r' <"$scratch/head" | sed -n 's/^[Ll]ocation: //p')"
[ -n "$path" ] || fail 'the answer has no Location'

echo
echo
echo "\$ curl '$url$path?wait=60'"
curl -sS -f -o "$scratch/job" "$url$path?wait=60" || fail 'the job'
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
printf '%s\n' "$segments" | sed 's/},{/\n/g' | tr -d '{}"' >"$scratch/segments"
awk -F '[,:]' '
    BEGIN { printf "  %-10s %-10s %-10s %-10s %-8s %s\n", "snippet", "up to", "from s", "to s", "score", "label" }
    {
        for (i = 1; i < NF; i += 2) value[$i] = $(i + 1)
        printf "  %-10d %-10d %-10.1f %-10.1f %-8.3f %s\n", value["start"], value["end"], value["start_seconds"],
            value["end_seconds"], value["score"], value["label"]
    }' "$scratch/segments"

# Snippets are 16 frames, 30 of which are a second. Overlap is the share of the time of either that is in both.
echo
echo "What is in the video ($truth), and the segment that overlaps it most:"
awk -F '[,:]' '
    BEGIN { printf "  %-10s %-8s %-8s %-10s %-8s %-8s %s\n", "event", "from s", "to s", "segment", "from s", "to s", "overlap" }
    FNR == NR {
        for (i = 1; i < NF; i += 2) value[$i] = $(i + 1)
        n++; from[n] = 16 * value["start"]; to[n] = 16 * value["end"]; label[n] = value["label"]
        next
    }
    FNR > 1 && $3 != "" {
        start = $3; end = $4; best = 0; at = 0; events++
        for (i = 1; i <= n; i++) {
            low = from[i] > start ? from[i] : start; high = to[i] < end ? to[i] : end
            share = (high - low) / (to[i] - from[i] + end - start - (high - low))
            if (high > low && share > best) { best = share; at = i }
        }
        if (at) printf "  %-10s %-8.1f %-8.1f %-10s %-8.1f %-8.1f %.0f%%\n", $2, start / 30, end / 30, label[at], from[at] / 30,
            to[at] / 30, 100 * best
        else printf "  %-10s %-8.1f %-8.1f %s\n", $2, start / 30, end / 30, "none"
        used[at] = 1; hits += at && label[at] == $2; sum += best
    }
    END {
        for (i = 1; i <= n; i++) others += !(i in used)
        printf "  %d of %d events are found and rightly named, the mean overlap is %.0f%%, and %d segments are of nothing\n", hits,
            events, 100 * sum / events, others
    }' "$scratch/segments" "$truth"

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
echo "To see it in a browser: $VIGIL serve, and http://127.0.0.1:8080, where Score the sample is."
echo "The server has stopped. The demo worked."
