#!/usr/bin/env bash
# The HTTP server itself against nginx and Hummingbird, on this machine, in turns: GET /livez, 64 connections, and
# uploads of 512 KB that are only counted, 8 connections; both also with TLS, against nginx, which drops uploads.
# Medians of requests a second, and ratios.
#
#   Tests/Load/http.sh [ROUNDS]    0 rounds only build; VIGIL names the binary; INSTALL=1 installs nginx and wrk; SECONDS_EACH=4
#   BUILD=folder                   keeps the two small projects that are made and built, else they are thrown away
set -euo pipefail
cd "$(dirname "$0")/../.."
root="$PWD"
rounds="${1:-7}"
vigil="${VIGIL:-$root/.build/release/vigil}"
[ -x "$vigil" ] || { echo "http.sh: $vigil is not there: swift build -c release --product vigil" >&2; exit 1; }
if [ "${INSTALL:-0}" = 1 ] && [ "$(id -u)" = 0 ]; then
    apt-get install -y -qq --no-install-recommends nginx-light wrk >/dev/null
fi
for tool in wrk python3; do
    command -v "$tool" >/dev/null || { echo "http.sh: $tool is missing (INSTALL=1 installs it)" >&2; exit 1; }
done

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
build="${BUILD:-$work}"

# A project with one server, made of a file of Tests/Load/servers.
project() { # NAME DEPENDENCY PRODUCTS
    local folder="$build/$1-server"  # not the name of a package, which would be taken for it
    mkdir -p "$folder/Sources/server"
    cp "Tests/Load/servers/$1.swift.txt" "$folder/Sources/server/Server.swift"
    cat >"$folder/Package.swift" <<END
// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "$1-server", dependencies: [$2],
    targets: [.executableTarget(name: "server", dependencies: [$3])])
END
    swift build -c release --package-path "$folder" >"$work/build.log" 2>&1 || { tail -20 "$work/build.log" >&2; exit 1; }
}
project hummingbird \
    '.package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.0.0")' \
    '.product(name: "Hummingbird", package: "hummingbird")'
types='.product(name: "HTTPTypes", package: "swift-http-types"), .product(name: "Logging", package: "swift-log")'
project vigil \
    ".package(name: \"vigil\", path: \"$root\"), .package(url: \"https://github.com/apple/swift-http-types.git\", from: \"1.8.0\"),
    .package(url: \"https://github.com/apple/swift-log.git\", from: \"1.16.2\")" \
    ".product(name: \"HTTP\", package: \"vigil\"), .product(name: \"TLS\", package: \"vigil\"), $types"

[ "$rounds" -gt 0 ] || exit 0
python3 Tests/Load/http_rates.py "$vigil" "$build" "$work" "$rounds" "${SECONDS_EACH:-4}"
