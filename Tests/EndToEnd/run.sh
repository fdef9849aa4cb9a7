#!/usr/bin/env bash
# Vigil as its users meet it: a real binary, real servers, real clients, hostile files.
#   run.sh [CHECK…]      all checks of checks/, or those named
#   VIGIL=path           the binary; otherwise the release build, built where it is missing
#   JOBS=n               checks at a time, otherwise 6: many of them wait most of the time
#   LONG=1               loads for a minute, not for seconds
#   INSTALL=1            installs chromium for the browser check, OTLP's schema for that of traces, NVIDIA's client for
#                        that of inference, and httpx for that of the Python client
#   PASSED=folder        for each check that passes and skips nothing, a file of its name is put there
#   CHECKPOINTS=d        folder that keeps the generated checkpoints between runs
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
if [[ -z ${VIGIL:-} ]]; then
    VIGIL=$root/.build/release/vigil
    [[ -x $VIGIL ]] || swift build --package-path "$root" -c release --product vigil
fi
VIGIL=$(realpath "$VIGIL")
E2E_SHARED=$(mktemp -d "${TMPDIR:-/tmp}/vigil-e2e.XXXXXX")
TMPDIR=$E2E_SHARED
PYTHONDONTWRITEBYTECODE=1
PYTHONPATH=$here
export VIGIL E2E_SHARED TMPDIR PYTHONDONTWRITEBYTECODE PYTHONPATH
trap 'rm -rf "$E2E_SHARED"' EXIT
trap 'exit 130' INT TERM
ulimit -n "$(ulimit -Hn)"

if ! command -v python3 >/dev/null; then
    echo "skip all: needs python3"
    exit 0
fi
if [[ ${INSTALL:-} == 1 ]] && ! python3 -c 'import opentelemetry.proto' 2>/dev/null; then
    # Where Python is the system's own, or has no pip, make validate has it in a folder of its own.
    python3 -m pip install -q opentelemetry-proto || true
fi
if [[ ${INSTALL:-} == 1 ]] && ! python3 -c 'import tritonclient.http.aio' 2>/dev/null; then
    python3 -m pip install -q 'tritonclient[http]' || true
fi
if [[ ${INSTALL:-} == 1 ]] && ! python3 -c 'import httpx' 2>/dev/null; then
    python3 -m pip install -q httpx || true
fi
if [[ ${INSTALL:-} == 1 ]] && ! command -v chromium >/dev/null; then
    apt-get update -qq && apt-get install -qq -y chromium >/dev/null
fi

checks=("$@")
if [[ ${#checks[@]} -eq 0 ]]; then
    # The longest first, so that the last ones are short.
    checks=(video_hostile video_uploads video_kills video room parity browser state hostile_files readme damage
        store_commands cluster models queueing durability submitting checkpoints full_disk scene_videos video_features
        events typescript_client scenes callbacks again formats bench lifecycle tls crowd reloads metrics alerts load)
    for file in "$here"/checks/*.py; do
        name=$(basename "$file" .py)
        [[ " ${checks[*]} " == *" $name "* ]] || checks+=("$name")
    done
fi

# Each server asks ffmpeg for its version, and all that ffmpeg loads for that takes a core five times as long as a server's own
# start: checks that have no videos are given one that knows it.
if ffmpeg=$(command -v ffmpeg) && version=$("$ffmpeg" -version 2>/dev/null); then
    mkdir "$E2E_SHARED/quick"
    printf '#!/bin/sh\ncase "$*" in *-version) echo "%s" ;; *) exec %s "$@" ;; esac\n' "${version%%$'\n'*}" "$ffmpeg" \
        >"$E2E_SHARED/quick/ffmpeg"
    chmod +x "$E2E_SHARED/quick/ffmpeg"
fi

# One check; its lines come together once it has ended, and what it has left behind goes.
one() {
    local name=$1 begun=$SECONDS
    export E2E_TALLY=$E2E_SHARED/tally.$name E2E_WORK=$E2E_SHARED/work.$name E2E_SCRATCH=$E2E_SHARED/$name
    mkdir "$E2E_SCRATCH"
    grep -qE 'ffmpeg|mp4' "$here/checks/$name.py" || PATH=$E2E_SHARED/quick:$PATH
    TMPDIR=$E2E_SCRATCH python3 "$here/support/alone.py" "$here/checks/$name.py" >"$E2E_SHARED/said.$name" 2>&1 || true
    rm -rf "$E2E_SCRATCH" || true
    # A check that ended before it could hand in its tally is a failed one.
    if [[ ! -s $E2E_TALLY ]]; then
        echo "FAIL $name did not run to its end" >>"$E2E_SHARED/said.$name"
        echo "0 1 0" >"$E2E_TALLY"
    fi
    if [[ -n ${PASSED:-} ]] && ! grep -qvE '^[1-9][0-9]* 0 0$' "$E2E_TALLY"; then touch "$PASSED/$name"; fi
    {
        flock 9
        echo "== $name"
        cat "$E2E_SHARED/said.$name"
        echo "     $((SECONDS - begun)) s$(cat "$E2E_SHARED/work.$name" 2>/dev/null || true)"
    } 9>"$E2E_SHARED/speaking"
}
export -f one
export here
printf '%s\n' "${checks[@]}" | xargs -P "${JOBS:-6}" -I{} bash -c 'one {}'

read -r passed failed skipped < <(
    cat "$E2E_SHARED"/tally.* | awk '{p += $1; f += $2; s += $3} END {print p + 0, f + 0, s + 0}')
((skipped == 0)) || echo "$skipped skipped"
echo "$passed passed, $failed failed"
((failed == 0))
