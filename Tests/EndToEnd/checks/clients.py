"""Real clients: curl in all its ways, Python's requests and http.client, a browser's upload form."""

import base64
import hashlib
import http.client
import http.server
import json
import shutil
import socketserver
import subprocess
import threading

from support.harness import check, equal, finish, group, need, scratch, skip

need("clients", "numpy", "requests")

import requests  # noqa: E402

from support import features  # noqa: E402
from support.process import Server  # noqa: E402

array = features.video(45)
digest = hashlib.sha256(array.tobytes()).hexdigest()
folder = scratch()
(folder / "x.npy").write_bytes(features.npy(array))
(folder / "x.f32").write_bytes(array.tobytes())
(folder / "x.json").write_bytes(features.rows_json(array))
(folder / "x.safetensors").write_bytes(features.safetensors({"features": ("F32", array.shape, array.tobytes())}))
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def curl(server, name, *options, status=200):
    ran = subprocess.run(
        ["curl", "-sS", "-m", "120", "-w", "\n%{http_code}", "-H", "Prefer: wait=60", *options, server.url + "/score"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    body, _, code = ran.stdout.rpartition("\n")
    found = (json.loads(body).get("features_sha256") if body else None, code)
    check(f"curl {name}", found == (digest, str(status)), f"{found} {ran.stderr} {body[:200]}")


def browser(server, program):
    """A page with a form and a file in it, submitted as a person would; the answer is what the browser then shows."""
    page = b"""<!DOCTYPE html><form method="post" enctype="multipart/form-data" action="%s/score?validate_only=true">
        <input type="file" name="features" id="file"><input name="fps" value="25">
        <input name="threshold" value=""></form><script>
        const bytes = Uint8Array.from(atob("%s"), c => c.charCodeAt(0)), data = new DataTransfer();
        data.items.add(new File([bytes], "x.npy")); document.getElementById("file").files = data.files;
        document.forms[0].submit();</script>""" % (server.url.encode(), base64.b64encode(features.npy(array)))

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    with socketserver.TCPServer(("127.0.0.1", 0), Page) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        ran = subprocess.run(
            [
                program,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                f"--user-data-dir={folder}/profile",
                "--virtual-time-budget=8000",
                "--dump-dom",
                f"http://127.0.0.1:{pages.server_address[1]}/",
            ],
            capture_output=True,
            text=True,
            timeout=300,
        )
        pages.shutdown()
    check(
        "a browser's form is answered with the report", '"rows":45' in ran.stdout, ran.stdout[-400:] + ran.stderr[-300:]
    )


# The page with the form is of another origin.
with Server("--allowed-origins", "*") as server:
    with group("curl"):
        if shutil.which("curl"):
            plain = "application/octet-stream"
            curl(server, "--data-binary, as it labels it", "--data-binary", "@x.npy")
            curl(server, "--data-binary safetensors, as it labels it", "--data-binary", "@x.safetensors")
            for file, kind in (
                ("x.npy", "application/x-npy"),
                ("x.npy", plain),
                ("x.f32", plain),
                ("x.json", "application/json"),
                ("x.safetensors", "application/vnd.safetensors"),
                ("x.safetensors", plain),
            ):
                curl(
                    server,
                    f"--data-binary {file} as {kind}",
                    "--data-binary",
                    f"@{file}",
                    "-H",
                    f"Content-Type: {kind}",
                )
            curl(server, "--data-binary with no type", "--data-binary", "@x.npy", "-H", "Content-Type:")
            curl(server, "--json", "--json", "@x.json")
            for file in ("x.npy", "x.json", "x.safetensors"):
                curl(server, f"-F {file}", "-F", f"features=@{file}")
            curl(server, "-F with fields", "-F", "features=@x.npy", "-F", "fps=30", "-F", "logits=true")
            curl(server, "-F of raw rows", "-F", "features=@x.f32")
            curl(server, "-F from standard input", "-F", "features=<x.f32;type=application/octet-stream")
            curl(server, "-T with its length", "-T", "x.npy", "-X", "POST")
            curl(server, "--http1.0", "--http1.0", "--data-binary", "@x.npy")
            curl(server, "Expect: 100-continue", "-H", "Expect: 100-continue", "--data-binary", "@x.npy")
            ran = subprocess.run(
                f"cat x.npy | curl -sS -m 120 -T - -X POST -H 'Prefer: wait=20' {server.url}/score",
                shell=True,
                cwd=folder,
                capture_output=True,
                text=True,
            )
            equal("curl -T - chunked", json.loads(ran.stdout or "{}").get("features_sha256"), digest)
        else:
            skip("curl", "needs curl")
    with group("requests"):

        def post(**arguments):
            headers = {"Prefer": "wait=60"} | arguments.pop("headers", {})
            return requests.post(server.url + "/score", headers=headers, timeout=60, **arguments)

        for name, answer in (
            ("json=", post(json={"features": array.astype(float).tolist()})),
            ("files=", post(files={"features": open(folder / "x.npy", "rb")})),
            ("files= with data=", post(files={"features": open(folder / "x.npy", "rb")}, data={"fps": "30"})),
            ("data= of a file", post(data=open(folder / "x.npy", "rb"), headers={"Content-Type": "application/x-npy"})),
            ("data= of bytes, no type", post(data=features.npy(array))),
            ("data= of a generator", post(data=iter([features.npy(array)[:99], features.npy(array)[99:]]))),
        ):
            equal(f"requests {name}", (answer.status_code, answer.json().get("features_sha256")), (200, digest))
    with group("keep-alive"):
        client = http.client.HTTPConnection(server.host, server.port, timeout=60)
        client.connect()
        socket = client.sock
        statuses = set()
        for number in range(200):
            path, method, body = (
                ("/livez", "GET", None),
                ("/score", "POST", features.npy(array)),
                ("/jobs/x", "GET", None),
                ("/score?fps=x", "POST", features.npy(array)),
            )[number % 4]
            client.request(method, path, body)
            answer = client.getresponse()
            answer.read()
            statuses.add((path, answer.status))
        equal(
            "200 requests of four kinds",
            statuses,
            {("/livez", 200), ("/score", 202), ("/jobs/x", 404), ("/score?fps=x", 422)},
        )
        check("on one connection", client.sock is socket)
        client.request("GET", "/livez", headers={"Connection": "close"})
        answer = client.getresponse()
        equal("Connection: close is echoed", answer.getheader("Connection", "").lower(), "close")
    with group("browser"):
        program = next(filter(None, map(shutil.which, BROWSERS)), None)
        if program:
            browser(server, program)
        else:
            skip("a browser's form", "needs chromium (INSTALL=1 installs it)")
finish()
