#!/usr/bin/env bash
# Installs what is missing on Debian and Ubuntu; does nothing where all is there.
#
#   deploy/setup.sh build [demo] [test] [deb]
set -euo pipefail

missing=()
required=()
need() {
    missing+=("$1")
    required+=("$1")
}
# Tests that need these are skipped without them.
want() { missing+=("$1"); }

for purpose in "$@"; do
    case "$purpose" in
        build)
            [ -e /usr/include/openssl/evp.h ] || need libssl-dev
            [ -e /usr/include/zlib.h ] || need zlib1g-dev
            [ -e /usr/include/sqlite3.h ] || need libsqlite3-dev
            ;;
        demo)
            command -v curl >/dev/null || need curl
            command -v ffmpeg >/dev/null || need ffmpeg
            # What keeps ffmpeg from all else.
            command -v bwrap >/dev/null || want bubblewrap
            ;;
        test)
            command -v curl >/dev/null || want curl
            command -v openssl >/dev/null || want openssl
            command -v python3 >/dev/null || want python3
            # Videos are decoded by it, and made for the tests.
            command -v ffmpeg >/dev/null || want ffmpeg
            command -v bwrap >/dev/null || want bubblewrap
            # They are damaged by the one, and what becomes of them is watched by the other.
            command -v zzuf >/dev/null || want zzuf
            command -v strace >/dev/null || want strace
            # Jobs of many servers.
            ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || want postgresql
            command -v pgbouncer >/dev/null || want pgbouncer
            # A broker for alerts, and the library that speaks to it.
            [ -x /usr/sbin/mosquitto ] || want mosquitto
            command -v mosquitto_sub >/dev/null || want mosquitto-clients
            # The golden tests make their checkpoints with it.
            python3 -c 'import numpy' 2>/dev/null || want python3-numpy
            python3 -c 'import jsonschema, yaml' 2>/dev/null || want python3-jsonschema python3-yaml
            ;;
        deb)
            command -v dh >/dev/null || need debhelper
            command -v dpkg-buildpackage >/dev/null || need dpkg-dev
            command -v python3 >/dev/null || need python3
            ;;
        *)
            echo "setup.sh: $purpose: expected build, demo, test or deb" >&2
            exit 64
            ;;
    esac
done

if ! command -v swift >/dev/null; then
    echo "setup.sh: swift is missing: install Swift 6.2 or later from https://www.swift.org/install/linux/" >&2
    exit 1
fi
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
elif command -v sudo >/dev/null && [ -t 0 ]; then
    as_root=(sudo)
else
    as_root=(false)
fi
if [ "${as_root[*]-}" = false ] || ! command -v apt-get >/dev/null; then
    echo "setup.sh: these packages are missing and can't be installed from here: ${missing[*]}" >&2
    echo "setup.sh: as root: apt-get install ${missing[*]}" >&2
    [ "${#required[@]}" = 0 ] || exit 1
    exit 0
fi

echo "Installing ${missing[*]}"
${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
