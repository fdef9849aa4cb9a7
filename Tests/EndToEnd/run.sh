#!/usr/bin/env bash
# Vigil as its users meet it: a real binary, real servers, real clients, hostile files.
#   run.sh [CHECK…]      all checks of checks/, or those named
#   VIGIL=path           the binary; otherwise the release build, built where it is missing
#   LONG=1               loads for a minute, not for seconds
#   INSTALL=1            installs chromium for the browser check
#   CHECKPOINTS=d        folder that keeps the generated checkpoints between runs
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
if [[ -z ${VIGIL:-} ]]; then
    VIGIL=$root/.build/release/vigil
    [[ -x $VIGIL ]] || swift build --package-path "$root" -c release --product vigil
fi
VIGIL=$(realpath "$VIGIL")
E2E_SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/vigil-e2e.XXXXXX")
E2E_TALLY=$E2E_SCRATCH/tally
TMPDIR=$E2E_SCRATCH
PYTHONDONTWRITEBYTECODE=1
PYTHONPATH=$here
export VIGIL E2E_SCRATCH E2E_TALLY TMPDIR PYTHONDONTWRITEBYTECODE PYTHONPATH
: >"$E2E_TALLY"
trap 'rm -rf "$E2E_SCRATCH"' EXIT
trap 'exit 130' INT TERM
ulimit -n "$(ulimit -Hn)"

if ! command -v python3 >/dev/null; then
    echo "skip all: needs python3"
    exit 0
fi
if [[ ${INSTALL:-} == 1 ]] && ! command -v chromium >/dev/null; then
    apt-get update -qq && apt-get install -qq -y chromium >/dev/null
fi

checks=("$@")
if [[ ${#checks[@]} -eq 0 ]]; then
    for file in "$here"/checks/*.py; do checks+=("$(basename "$file" .py)"); done
fi
crashed=0
for name in "${checks[@]}"; do
    echo "== $name"
    begun=$(date +%s)
    lines=$(wc -l <"$E2E_TALLY")
    python3 "$here/checks/$name.py" || true
    # A check that ended before it could hand in its tally is a failed one.
    if [[ $(wc -l <"$E2E_TALLY") -eq $lines ]]; then
        echo "FAIL $name did not run to its end"
        crashed=$((crashed + 1))
    fi
    echo "     $(($(date +%s) - begun)) s"
done

read -r passed failed skipped < <(
    awk -v crashed="$crashed" '{p += $1; f += $2; s += $3} END {print p + 0, f + crashed, s + 0}' "$E2E_TALLY")
((skipped == 0)) || echo "$skipped skipped"
echo "$passed passed, $failed failed"
((failed == 0))
