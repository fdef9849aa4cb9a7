#!/usr/bin/env bash
# What others' tools say of what Vigil gives them: schemathesis of openapi.yaml against a live server, the validators of
# Kubernetes, KEDA, compose and CycloneDX of deploy/, systemd's of its units, HAProxy's of its configuration,
# Prometheus' of its rules and metrics, Grafana's model of its dashboard, OTLP's schema of its traces, NVIDIA's client at /v2,
# the page in Chromium with axe-core, mypy and tsc of the clients.
#   run.sh [PART…]   api page kubernetes compose prometheus grafana systemd haproxy traces inference clients sbom, by default all
#   VIGIL=path       the program; otherwise the release build, built where it is missing
#   INSTALL=1        installs what is missing: Debian's packages as root, Python's in .build/validate; INSTALL=only does no
#                    more than that, and INSTALL=python no more than the latter
#   JOBS=n           parts at a time, otherwise 4: many of them wait most of the time
#   PASSED=folder    what Tests/EndToEnd/run.sh has left in it is not run again
#   EXAMPLES=n       requests that schemathesis makes up for an operation and a phase, by default 15; its seed is fixed
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
work=$(mktemp -d "${TMPDIR:-/tmp}/vigil-validate.XXXXXX")
groups=()
trap 'kill -- ${groups[@]+"${groups[@]/#/-}"} 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export PYTHONDONTWRITEBYTECODE=1
venv=${VENV:-$root/.build/validate}
passed=0 failed=0 skipped=0

packages=(check-jsonschema==0.39.0 cloudcoil-models-keda==2.16.1.0 'cyclonedx-python-lib[json-validation]==11.12.0'
    'grafana-foundation-sdk==1769699998!10.1.0' httpx==0.28.1 kubernetes-validate==1.37.0 mypy==2.4.1 numpy
    opentelemetry-proto==1.45.2 prometheus-client==0.26.0 requests schemathesis==4.32.5 'tritonclient[http]==2.73.0')
files=(kserve==0.21.0 axe-playwright-python==0.1.8)
if [[ ${INSTALL:-} =~ ^(1|only)$ ]]; then
    missing=()
    command -v chromium >/dev/null || missing+=(chromium)
    command -v node >/dev/null || missing+=(nodejs)
    command -v tsc >/dev/null || missing+=(node-typescript)
    command -v haproxy >/dev/null || [[ -x /usr/sbin/haproxy ]] || missing+=(haproxy)
    command -v systemd-analyze >/dev/null || missing+=(systemd)
    command -v promtool >/dev/null || missing+=(prometheus)
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    if ((${#missing[@]})) && [[ $(id -u) != 0 ]]; then
        echo "run.sh: only root can install ${missing[*]}: what needs them is skipped"
    elif ((${#missing[@]})); then
        { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null; } ||
            echo "run.sh: can't install ${missing[*]}: what needs them is skipped"
    fi
fi
if [[ ${INSTALL:-} =~ ^(1|only|python)$ ]] &&
    ! [[ "$(cat "$venv/packages" 2>/dev/null)" == "${packages[*]} ${files[*]}" ]]; then
    python3 -m venv --clear "$venv"
    # Of KServe's package and of axe-core's the files are read alone: what they need to run is a gigabyte, and a browser.
    if "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}" &&
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "${files[@]}"; then
        echo "${packages[*]} ${files[*]}" >"$venv/packages"
    else
        echo "run.sh: PyPI gives not all that is asked for: what needs it is skipped"
    fi
fi
[[ ! ${INSTALL:-} =~ ^(only|python)$ ]] || exit 0
if [[ -z ${VIGIL:-} ]]; then
    VIGIL=$root/.build/release/vigil
    [[ -x $VIGIL ]] || swift build -c release --product vigil
fi
PATH=$venv/bin:$PATH:/usr/sbin

check() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name"
        sed 's/^/     /' "$work/said" | tail -n "${LINES_OF_FAILURE:-60}"
    fi
}
needs() {
    command -v "$1" >/dev/null && return
    skipped=$((skipped + 1))
    echo "skip $2: needs $1"
    return 1
}

# In a network of its own where that is allowed, so that nothing that is made up can leave this machine.
api() {
    needs schemathesis "openapi.yaml against a live server" || return 0
    local alone=(unshare --net)
    "${alone[@]}" true 2>/dev/null || alone=(unshare --user --map-root-user --net)
    "${alone[@]}" true 2>/dev/null || { echo "skip openapi.yaml: needs a network of its own"; skipped=$((skipped + 1)); return; }
    check "openapi.yaml: schemathesis, all checks" "${alone[@]}" "$here/schemathesis.sh" "$VIGIL" "$work"
    grep -E 'generated|API Links|Seed' "$work/said" | sed 's/^ */     /' || true
}

page() {
    needs chromium "the page in a browser" || return 0
    check "the page in Chromium: what people do, WCAG 2.2 AA by axe-core" end_to_end browser
    grep 'ms of a frame' "$work/said" || true
}

kubernetes() {
    needs kubernetes-validate "Kubernetes" || return 0
    check "deploy/kubernetes: Kubernetes' own" kubernetes-validate --strict deploy/kubernetes/{vigil,statefulset,hpa}.yaml
    check "deploy/kubernetes/kserve.yaml: by KServe's own classes" env VIGIL="$VIGIL" python3 "$here/serving_runtime.py" \
        deploy/kubernetes
    check "deploy/kubernetes: KEDA's, and that probes and times fit" python3 "$here/kubernetes.py" deploy/kubernetes
    needs kubectl "deploy/postgres" || return 0
    check "deploy/postgres: what kubectl makes of it, by Kubernetes' own and KEDA's" overlay
}

overlay() { kubectl kustomize deploy/postgres | python3 "$here/overlay.py"; }

compose() {
    needs check-jsonschema "compose" || return 0
    check "deploy/postgres/compose.yaml" check-jsonschema --builtin-schema vendor.compose-spec deploy/postgres/compose.yaml
    check "deploy/compose.yaml" check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
}

prometheus() {
    needs promtool "Prometheus" || return 0
    check "deploy/prometheus: configuration and rules" promtool check config deploy/prometheus/prometheus.yaml
    check "deploy/prometheus: each alert's cases" promtool test rules deploy/prometheus/alerts.test.yaml
    check "a real Prometheus scrapes a server" end_to_end metrics
    grep -E 'scrape takes|p99' "$work/said" || true
}
# A check of Tests/EndToEnd, of which nothing may be skipped once all is installed. Called in a condition, where set -e does
# not count.
end_to_end() {
    if [[ -e ${PASSED:-/nowhere}/$1 ]]; then return; fi
    INSTALL='' VIGIL=$VIGIL Tests/EndToEnd/run.sh "$1" | tee "$work/$1" &&
        { [[ ! -e $venv/packages ]] || ! grep '^skip' "$work/$1"; }
}

grafana() {
    "$venv/bin/python" -c 'import grafana_foundation_sdk' 2>/dev/null || {
        echo "skip Grafana: needs grafana-foundation-sdk"
        skipped=$((skipped + 1))
        return
    }
    check "deploy/grafana/vigil.json: all of it is in Grafana's model" "$venv/bin/python" "$here/grafana.py" \
        deploy/grafana/vigil.json
}

systemd() {
    needs systemd-analyze "systemd" || return 0
    sed "s|/usr/bin/vigil|$(realpath "$VIGIL")|; s/^User=.*/User=root/; s/^Group=.*/Group=root/" \
        deploy/systemd/vigil.service >"$work/vigil.service"
    cp deploy/systemd/vigil.socket "$work/"
    check "deploy/systemd: verify" silent systemd-analyze verify --man=no "$work/vigil.service" "$work/vigil.socket"
    check "deploy/systemd/vigil.service: exposure below 2.0" \
        systemd-analyze security --offline=true --no-pager --threshold=19 deploy/systemd/vigil.service
    tail -n 1 "$work/said" | sed 's/^[^O]*/     /'
}
# A warning is a failure.
silent() { ! { "$@" 2>&1 || echo failed; } | grep .; }

haproxy_configuration() {
    needs haproxy "deploy/haproxy/haproxy.cfg" || return 0
    check "deploy/haproxy/haproxy.cfg" env VIGIL_A=127.0.0.1:1 VIGIL_B=127.0.0.1:2 VIGIL_FRONT=127.0.0.1:3 \
        VIGIL_ADMIN="$work/admin" haproxy -c -f deploy/haproxy/haproxy.cfg
    check "deploy/haproxy/shared.cfg" env VIGIL_A=127.0.0.1:1 VIGIL_B=127.0.0.1:2 VIGIL_C=127.0.0.1:3 \
        VIGIL_FRONT=127.0.0.1:4 VIGIL_ADMIN="$work/admin" haproxy -c -f deploy/haproxy/shared.cfg
    check "a rolling restart behind it" end_to_end rolling
    grep p99 "$work/said" || true
}

traces() {
    python3 -c 'import numpy, opentelemetry.proto, requests' 2>/dev/null || {
        echo "skip traces: needs numpy, opentelemetry-proto and requests"
        skipped=$((skipped + 1))
        return
    }
    check "traces are what OTLP's schema has" end_to_end traces
}

inference() {
    python3 -c 'import numpy, requests, tritonclient.http.aio' 2>/dev/null || {
        echo "skip inference: needs numpy, requests and tritonclient[http]"
        skipped=$((skipped + 1))
        return
    }
    check "the Open Inference Protocol is what tritonclient speaks" end_to_end inference
}

clients() {
    if python3 -c 'import httpx, numpy, requests' 2>/dev/null; then
        check "the Python client, by mypy and against servers" end_to_end python_client
    else
        echo "skip the Python client: needs httpx, numpy and requests"
        skipped=$((skipped + 1))
    fi
    needs tsc "the TypeScript client" || return 0
    needs node "the TypeScript client" || return 0
    check "the TypeScript client, by tsc and against servers" end_to_end typescript_client
}

sbom() {
    needs python3 "the SBOM" || return 0
    [[ -e Package.resolved ]] || { echo "skip the SBOM: nothing is resolved"; skipped=$((skipped + 1)); return; }
    check "the SBOM is made" bash -c 'python3 deploy/sbom.py --resolved Package.resolved --version "$1" >"$2"' - \
        "$("$VIGIL" --version)" "$work/vigil.cdx.json"
    python3 -c 'import cyclonedx' 2>/dev/null || {
        echo "skip the SBOM's form: needs cyclonedx-python-lib"
        skipped=$((skipped + 1))
        return
    }
    check "the SBOM is CycloneDX 1.5" python3 - "$work/vigil.cdx.json" <<'END'
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
sys.exit(str(error) if error else 0)
END
}

parts=("$@")
# The longest first.
((${#parts[@]})) || parts=(page clients api prometheus traces inference kubernetes compose sbom grafana systemd haproxy)
# One part; its lines come together once it has ended.
one() {
    local part=$1 begun=$SECONDS
    work=$work/$part
    mkdir "$work"
    case $part in haproxy) haproxy_configuration ;; *) "$part" ;; esac >"$work/lines"
    echo "$passed $failed $skipped" >"$work/tally"
    flock "$work/.." cat "$work/lines" - <<<"== $part: $((SECONDS - begun)) s"
}
for part in "${parts[@]}"; do
    case $part in
        api | page | kubernetes | compose | prometheus | grafana | systemd | haproxy | traces | inference | clients | sbom) ;;
        *) echo "run.sh: $part: expected one of api page kubernetes compose prometheus grafana systemd haproxy traces inference clients sbom" >&2; exit 64 ;;
    esac
done
running=0
for part in "${parts[@]}"; do
    if ((running >= ${JOBS:-4})); then wait -n || true; else running=$((running + 1)); fi
    # A group of processes each, which ends as one where this is interrupted.
    set -m
    one "$part" &
    groups+=($!)
    set +m
done
wait
groups=()
for part in "${parts[@]}"; do
    # A part that ended before it could hand in its tally is a failed one.
    cat "$work/$part/tally" 2>/dev/null || { echo "FAIL $part did not run to its end" >&2; echo 0 1 0; }
done >"$work/tallies"
read -r passed failed skipped < <(awk '{p += $1; f += $2; s += $3} END {print p, f, s}' "$work/tallies")
((skipped == 0)) || echo "$skipped skipped"
echo "$passed passed, $failed failed"
((failed == 0))
