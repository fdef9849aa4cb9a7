"""The measuring part of http.sh: starts the servers, drives each by wrk in turns, prints medians and ratios."""

import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

vigil, build, work, rounds, seconds = sys.argv[1], *map(pathlib.Path, sys.argv[2:4]), *map(int, sys.argv[4:6])
UPLOAD = 512_000
TLS_PORTS = set()

# Two workers, connections kept, no log, an answer from the configuration.
NGINX = """
worker_processes 2;
daemon off;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_timeout 75;
    keepalive_requests 100000000;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        listen 127.0.0.1:{tls_port} backlog=1024 ssl;
        ssl_certificate {work}/certificate.pem;
        ssl_certificate_key {work}/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        client_max_body_size 0;
        location = /livez {{ default_type application/json; return 200 '{body}'; }}
        location = /count {{ return 200 '512000'; }}
    }}
}}
"""

POST = 'wrk.method = "POST"; wrk.body = string.rep("x", {size}); wrk.headers["Content-Type"] = "application/octet-stream"'


# What vigil serve asks of the C library's allocator, for both servers that count.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 20),
    "MALLOC_ARENA_MAX": "2",
}


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start(command, port, environment={}):
    child = subprocess.Popen(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "VIGIL_STATE": "memory", **environment},
    )
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return child
        except OSError:
            if child.poll() is not None:
                sys.exit(f"{command[0]} ended with {child.returncode}")
            time.sleep(0.05)
    sys.exit(f"{command[0]} does not listen")


def make_certificate():
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", str(work / "key.pem"), "-out", str(work / "certificate.pem")]
    subprocess.run([*command, "-subj", "/CN=localhost", *files], check=True, capture_output=True)
    return [work / "certificate.pem", work / "key.pem"]


def rate(port, path, connections, *options):
    scheme = "https" if port in TLS_PORTS else "http"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", *options, f"{scheme}://127.0.0.1:{port}{path}"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{command}: {out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])


def main():
    names = ["vigil serve", "Vigil's HTTP", "Hummingbird"] + (["nginx"] if shutil.which("nginx") else [])
    secured = ["vigil serve, TLS", "Vigil's HTTP, TLS"] + (["nginx, TLS"] if "nginx" in names else [])
    ports = {name: free_port() for name in names + secured}
    TLS_PORTS.update(ports[name] for name in secured)
    credentials = make_certificate()
    children = []
    try:
        for name, options in (("vigil serve", []), ("vigil serve, TLS", ["--tls-cert", "--tls-key"])):
            files = [word for pair in zip(options, credentials) for word in pair]
            command = [vigil, "serve", "--port", ports[name], "--log-level", "error", *files]
            children.append(start(command, ports[name]))
        with urllib.request.urlopen(f"http://127.0.0.1:{ports['vigil serve']}/livez") as answer:
            body = answer.read().decode()
        for name, folder in (("Vigil's HTTP", "vigil"), ("Hummingbird", "hummingbird")):
            program = build / f"{folder}-server" / ".build/release/server"
            children.append(start([program, ports[name], body], ports[name], ALLOCATOR))
            if (name := f"{name}, TLS") in ports:
                children.append(start([program, ports[name], body, *credentials], ports[name], ALLOCATOR))
        if "nginx" in ports:
            nginx = {"port": ports["nginx"], "tls_port": ports["nginx, TLS"]}
            (work / "nginx.conf").write_text(NGINX.format(work=work, body=body, **nginx))
            children.append(start(["nginx", "-e", work / "nginx.log", "-c", work / "nginx.conf"], ports["nginx"]))
        else:
            print("nginx is not there (INSTALL=1 installs it)")
        (work / "post.lua").write_text(POST.format(size=UPLOAD))
        upload = ["-s", str(work / "post.lua")]
        measures = []
        for end, some in (("", names), (", TLS", secured)):
            livez = [name for name in some if not name.startswith("Vigil's")]
            measures += [(f"/livez, 64{end}", name, "/livez", 64, []) for name in livez]
            counting = [name for name in some if not name.startswith("vigil serve")]
            measures += [(f"512 KB counted, 8{end}", name, "/count", 8, upload) for name in counting]
        found = {measure[:2]: [] for measure in measures}
        for _ in range(rounds):
            for what, name, path, connections, options in measures:
                found[what, name].append(rate(ports[name], path, connections, *options))
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(20)
    print(f"{'requests a second':24} {'server':18} {'median':>9} {'least':>9} {'most':>9} {'Vigil / it':>11}")
    ours = {}
    for (what, name), rates in found.items():
        median = statistics.median(rates)
        ours.setdefault(what, median)
        ratio = f"{ours[what] / median:11.2f}"
        print(f"{what:24} {name:18} {median:9.0f} {min(rates):9.0f} {max(rates):9.0f} {ratio}")


main()
