#!/usr/bin/env bash
# Installs, starts, reloads, restarts, upgrades and purges the Debian package in a container of Debian that systemd runs, with
# no network but its own loopback: deb.sh PACKAGE NEWER-PACKAGE. As root.
#   ROOT=folder   keeps the container's files between runs; INSTALL=1 installs what makes and runs it
set -euo pipefail
package=$(realpath "$1")
newer=$(realpath "$2")
work=$(mktemp -d "${TMPDIR:-/tmp}/vigil-deb.XXXXXX")
base=${ROOT:-$work/base}
passed=0
failed=0
container=

finish() {
    if [[ -n $container ]]; then
        kill "$container" 2>/dev/null || true
        wait "$container" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

check() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name: $(tail -n 5 "$work/said")"
    fi
}

if [[ ${INSTALL:-} == 1 ]]; then
    for tool in mmdebstrap systemd-nspawn; do
        command -v "$tool" >/dev/null || { apt-get update -qq && apt-get install -qq -y mmdebstrap systemd-container >/dev/null; }
    done
fi
if [[ ! -d $base/usr ]]; then
    mkdir -p "$(dirname "$base")"
    mmdebstrap --quiet --variant=minbase \
        --include=systemd,systemd-sysv,dbus,curl,libsqlite3-0,libssl3,libstdc++6,zlib1g,ca-certificates bookworm "$base.new"
    mv "$base.new" "$base"
fi
cp -a "$base" "$work/root"
cp "$package" "$work/root/root/old.deb"
cp "$newer" "$work/root/root/new.deb"
systemd-nspawn --quiet --directory="$work/root" --register=no --keep-unit --private-network --boot \
    --console=read-only </dev/null >"$work/boot" 2>&1 &
container=$!

leader() { pgrep -P "$container" | head -n 1; }
inside() { nsenter --target "$(leader)" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
until_it_is() {
    local end=$((SECONDS + 60))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || { "$@"; return 1; }
        sleep 0.2
    done
}
has_booted() { inside systemctl is-system-running | grep -Eq 'running|degraded'; }
ready() { inside curl -fsS http://127.0.0.1:8080/readyz; }
active() { [[ $(inside systemctl is-active vigil.service) == "$1" ]]; }
main_process() { inside systemctl show --value -p MainPID vigil.service; }
is_now() { [[ $(inside dpkg-query -W -f '${Version}' vigil) == "$1" ]]; }
score() {
    local answer
    answer=$(inside curl -fsS -H 'Prefer: wait=20' -H 'Content-Type: application/json' \
        -d "{\"features\":[$(printf '[%s],' "$(seq -s, 64)" | sed 's/,$//')]}" http://127.0.0.1:8080/score)
    job=$(sed 's/.*"id":"\([^"]*\)".*/\1/' <<<"$answer")
    grep -q '"status":"succeeded"' <<<"$answer"
}
stands() { inside curl -fsS "http://127.0.0.1:8080/jobs/$job" | grep -q '"status":"succeeded"'; }
is_private() { [[ $(inside stat -c '%U %a' /var/lib/vigil) == 'vigil 700' ]]; }
other_process() { [[ $(main_process) != "$before" ]]; }
same_process() { [[ $(main_process) == "$before" ]]; }
told() { grep -q "$1" <<<"$(inside journalctl -u vigil.service --no-pager)"; }
# The listening socket is systemd's first, and then Vigil's too.
holds_socket() { test "$(inside systemctl show --value -p NAccepted vigil.socket)" = 0 && active active && told 'listening'; }
# Where this machine lets no container raise limits, LimitNICE has no effect, and Dispatch complains of that.
quiet() {
    ! grep -i "not permitted\|Failed to\|denied" <<<"$(inside journalctl -u vigil.service --no-pager)" |
        grep -v "thread priority"
}
no_trace() {
    local left
    left=$(inside find / -xdev \( -path /proc -o -path /root -o -path /var/log/journal \) -prune -o -name '*vigil*' -print)
    left=$(grep -v '/var/log/dpkg\|/var/cache\|/lib/systemd/deb-systemd' <<<"$left" || true)
    [[ -z $left ]] || { echo "$left"; return 1; }
}

check "the container runs" until_it_is has_booted
check "the package is installed" inside dpkg --install /root/old.deb
check "its service runs" until_it_is active active
check "it takes jobs" until_it_is ready
check "a video is scored" score
check "its state is its own" is_private
before=$(main_process)
check "a reload is done" inside systemctl reload vigil.service
check "by the same process" same_process
if inside vigil health >/dev/null 2>&1; then
    check "systemd waits until it is ready" test "$(inside systemctl show --value -p Type vigil.service)" = notify
    check "its watchdog is set" test "$(inside systemctl show --value -p WatchdogUSec vigil.service)" = 2min
fi
check "a kill brings another process" inside bash -c "kill -9 $before"
check "which runs" until_it_is other_process
check "and takes jobs" until_it_is ready
check "a result outlasts it" stands
check "root makes a key beside the settings" inside bash -c 'vigil keys add x --api-keys /etc/vigil/keys >/dev/null 2>&1'
check "which the service can read" inside runuser -u vigil -- test -r /etc/vigil/keys
check "and others can't" inside bash -c '! runuser -u nobody -- test -r /etc/vigil/keys'
inside rm /etc/vigil/keys
before=$(main_process)
check "an upgrade is done" inside dpkg --install /root/new.deb
check "to the newer version" is_now "$(dpkg-deb -f "$newer" Version)"
check "by another process" other_process
check "which takes jobs" until_it_is ready
check "a result outlasts it" stands
inside systemctl stop vigil.service
check "a stop is an end in order" active inactive
check "the socket can take its place" inside systemctl start vigil.socket
check "the first request starts the service" until_it_is ready
check "on the socket that systemd holds" holds_socket
before=$(main_process)
check "a restart keeps the socket" inside systemctl restart vigil.service
check "for the next process" other_process
check "which takes jobs" until_it_is ready
check "the manual is there" inside test -s /usr/share/man/man1/vigil.1.gz
check "logs are rotated, and what stands beside the audit log is not" inside bash -c \
    'grep -q "^/var/log/vigil/audit.log {" /etc/logrotate.d/vigil && ! grep -Eq "^[^#]*(copytruncate|\*|\.head)" /etc/logrotate.d/vigil'
check "completions are there" inside bash -c 'source /usr/share/bash-completion/completions/vigil && complete -p vigil'
inside systemctl stop vigil.socket vigil.service
check "its configuration stays when it is removed" inside dpkg --remove vigil
check "as that does" inside test -s /etc/vigil/vigil.json
check "a purge is done" inside dpkg --purge vigil
check "nothing of it is left" no_trace
check "its log has no complaints of the sandbox" quiet
check "nothing has failed" inside bash -c '! systemctl --failed --no-legend | grep vigil'
((failed == 0)) || inside journalctl -u vigil.service --no-pager | tail -n 40
echo "$passed passed, $failed failed"
((failed == 0))
