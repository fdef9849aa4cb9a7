"""Pages of other sites: names that are not this server's, requests of other origins, CORS, and who is told of paths."""

import hashlib
import http.server
import json
import re
import shutil
import socket
import socketserver
import subprocess
import threading

from support.harness import check, contains, equal, finish, group, need, scratch, skip
from support.process import Server, run

need("cross_site", "numpy")

from support import features  # noqa: E402

BODY = features.npy(features.video(30))
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
APP = "https://app.example"
HEALTH = ("/livez", "/readyz", "/healthz")


class Answer:
    """What came back on a socket: status, fields by their lower-case names, body."""

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if raw else None
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            before = self.fields.get(name.lower())
            self.fields[name.lower()] = value if before is None else f"{before}, {value}"

    @property
    def kind(self):
        return json.loads(self.body)["type"].removeprefix("/problems/") if self.status >= 400 else ""


def ask(server, line, *fields, host="localhost", body=b"", version="1.1", path=None):
    """One request on a connection of its own; without a Host where that is None."""
    lines = [f"{line} HTTP/{version}", *([f"Host: {host}"] if host else []), *fields, "Connection: close"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    family = socket.AF_UNIX if path else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(20)
        client.connect(path or (server.host, server.port))
        client.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        raw = b""
        while piece := client.recv(65536):
            raw += piece
    return Answer(raw)


def score(server, *fields, **more):
    return ask(server, "POST /score", "Content-Type: application/x-npy", *fields, body=BODY, **more)


def details(answer):
    return [one for one in json.loads(answer.body)["checks"] if "detail" in one]


with Server() as server:
    port = server.port
    with group("names of a server on this machine alone"):
        for host in (
            "localhost", f"localhost:{port}", "LOCALHOST", "localhost.", "vigil.localhost", "127.0.0.1",
            f"127.0.0.1:{port}", "127.8.9.10:1", "[::1]", f"[::1]:{port}", "[::ffff:127.0.0.1]",
        ):  # fmt: skip
            equal(f"Host: {host}", ask(server, "GET /jobs", host=host).status, 200)
        for host in (
            "evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost",
            "0.0.0.0", "192.0.2.7", "[2001:db8::1]", "127.1", "2130706433", "x",
        ):  # fmt: skip
            answer = ask(server, "GET /jobs", host=host)
            equal(f"Host: {host}", (answer.status, answer.kind), (403, "host-not-allowed"))
        contains("it says what to do", ask(server, "GET /jobs", host="evil.example").body.decode(), "--allowed-hosts")
        equal("a job is not taken either", score(server, host="evil.example").kind, "host-not-allowed")
        equal("nor forgotten", ask(server, "DELETE /jobs/x", host="evil.example").kind, "host-not-allowed")
        long = ask(server, "POST /score", "Content-Length: 100000000", host="evil.example")
        equal("said before a large body is read", long.kind, "host-not-allowed")
        equal("the absolute form counts", ask(server, "GET http://evil.example/jobs").kind, "host-not-allowed")
        equal("and not Host then", ask(server, f"GET http://localhost:{port}/jobs", host="evil.example").status, 200)
        equal("HTTP/1.0 without Host", ask(server, "GET /jobs", host=None, version="1.0").status, 200)

    with group("probes"):
        for path in HEALTH:
            answer = ask(server, f"GET {path}", host="10.1.2.3:8080")
            equal(f"{path} by any name", (answer.status, details(answer)), (200, []))
            check(f"{path} tells this machine more", details(ask(server, f"GET {path}")))
            for field in ("X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "Via: 1.1 proxy"):
                equal(f"{path} not who comes by a proxy: {field}", details(ask(server, f"GET {path}", field)), [])
        for target in ("/", "*"):
            for version, host in (("1.0", None), ("1.1", "evil.example"), ("1.1", "localhost")):
                answer = ask(server, f"OPTIONS {target}", host=host, version=version)
                equal(f"OPTIONS {target} HTTP/{version}, Host {host}", answer.status, 204)
        check("OPTIONS * lists methods", "POST" in ask(server, "OPTIONS *").fields["allow"])
        equal("OPTIONS / lists those of the page", ask(server, "OPTIONS /").fields["allow"], "GET, HEAD, OPTIONS")
        equal("GET / is the page", ask(server, "GET /").status, 200)

    with group("requests of other sites"):
        own = f"Origin: http://localhost:{port}"
        equal("its own page may send", score(server, own, host=f"localhost:{port}").status, 202)
        equal("a client that is no browser too", score(server).status, 202)
        for origin in (
            "https://evil.example", "null", "http://localhost:1", f"http://127.0.0.1:{port}", "http://localhost",
            f"http://evil.example:{port}", "http://localhost.evil.example", "", "file://", "localhost",
        ):  # fmt: skip
            answer = score(server, f"Origin: {origin}", host=f"localhost:{port}")
            equal(f"Origin: {origin}", (answer.status, answer.kind), (403, "origin-not-allowed"))
            check("without CORS", "access-control-allow-origin" not in answer.fields)
        equal("two origins", score(server, own, own, host=f"localhost:{port}").kind, "origin-not-allowed")
        refused = ask(server, "DELETE /jobs/01M85BV3QAE4RGA8GVVP3465ME", "Origin: https://evil.example")
        equal("DELETE", refused.kind, "origin-not-allowed")
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 202), ("none", 202)):
            equal(f"Sec-Fetch-Site: {site}", score(server, f"Sec-Fetch-Site: {site}").status, status)
        equal("reading is the browser's to refuse", ask(server, "GET /jobs", "Origin: https://evil.example").status, 200)
        equal("a preflight gets nothing", [
            name for name in ask(
                server, "OPTIONS /score", "Origin: https://evil.example", "Access-Control-Request-Method: POST"
            ).fields if name.startswith("access-control")
        ], [])  # fmt: skip

with group("Unix sockets"):
    path = str(scratch() / "s")
    with Server("--listen", f"unix:{path}", "--listen", "127.0.0.1:0") as server:
        equal("any name", ask(server, "GET /jobs", host="whatever", path=path).status, 200)
        check("and all details", details(ask(server, "GET /readyz", host="whatever", path=path)))
        equal("not so by the port", ask(server, "GET /jobs", host="whatever").kind, "host-not-allowed")

with group("--allowed-hosts"):
    names = "vigil.example, *.inner.example,192.0.2.7,[2001:db8::1]:9000"
    with Server("--host", "0.0.0.0", "--allowed-hosts", names) as server:
        for host, status in (
            ("vigil.example", 200), ("VIGIL.example:1", 200), ("a.b.inner.example", 200), ("inner.example", 403),
            ("192.0.2.7:80", 200), ("[2001:db8:0::1]:9000", 200), ("[2001:db8::1]:9001", 403), ("localhost", 200),
            ("evil.example", 403), ("evilvigil.example", 403),
        ):  # fmt: skip
            equal(f"Host: {host}", ask(server, "GET /jobs", host=host).status, status)
    with Server("--host", "0.0.0.0") as server:
        equal("without it a server of the network takes any", ask(server, "GET /jobs", host="any.example").status, 200)
        equal("but not what another site sends", score(server, "Origin: http://evil.example").status, 403)
        equal("behind a proxy that ends TLS", score(server, "Origin: https://a.example", host="a.example").status, 202)
    with Server(env={"VIGIL_ALLOWED_HOSTS": "*"}) as server:
        equal("all of them", ask(server, "GET /jobs", host="any.example").status, 200)
    for value in ("http://a.example", "a b", "*x.example", "a.example:x", "[::1"):
        ran = run("serve", "--port", "0", "--allowed-hosts", value)
        equal(f"'{value}': exit code", ran.code, 64)
        contains(f"'{value}': message", ran.last, "--allowed-hosts", value)

with group("CORS"):
    keys = scratch() / "keys"
    keys.write_text(f"alice:{hashlib.sha256(b'one').hexdigest()} role=admin\n")
    options = ("--api-keys", keys, "--allowed-origins", f"{APP},http://localhost:3000", "--rate-limit", "50")
    with Server(*options) as server:
        origin, key = f"Origin: {APP}", "Authorization: Bearer one"
        answer = ask(
            server, "OPTIONS /score", origin, "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: authorization,content-type,prefer",
        )  # fmt: skip
        equal("a preflight needs no key", answer.status, 204)
        equal("the origin", answer.fields.get("access-control-allow-origin"), APP)
        contains("methods", answer.fields.get("access-control-allow-methods", ""), "POST", "DELETE")
        contains(
            "fields", answer.fields.get("access-control-allow-headers", ""), "authorization", "content-type", "prefer"
        )
        check("for a while", int(answer.fields.get("access-control-max-age", 0)) >= 600)
        contains("varies", answer.fields.get("vary", ""), "origin")
        check("no credentials", "access-control-allow-credentials" not in answer.fields)

        def allowed(name, answer, status):
            equal(f"{name}: status", answer.status, status)
            equal(f"{name}: origin", answer.fields.get("access-control-allow-origin"), APP)
            contains(f"{name}: vary", answer.fields.get("vary", ""), "origin")
            contains(f"{name}: exposed", answer.fields.get("access-control-expose-headers", ""), "location", "etag",
                     "retry-after", "ratelimit", "preference-applied", "server-timing", "idempotency-replayed",
                     "content-disposition", "x-request-id")  # fmt: skip

        allowed("no key", ask(server, "GET /jobs", origin), 401)
        done = score(server, origin, key, "Prefer: wait=60")
        allowed("a job", done, 200)
        contains("what else it varies by", done.fields["vary"], "accept", "accept-encoding")
        place = done.fields["location"]
        allowed("unknown", ask(server, "GET /jobs/01M85BV3QAE4RGA8GVVP3465ME", origin, key), 404)
        allowed("no such path", ask(server, "GET /none", origin, key), 404)
        allowed("too large", ask(server, "POST /score", origin, key, "Content-Length: 900000000"), 413)
        allowed("events", ask(server, f"GET {place}/events", origin, key), 200)
        allowed("forgotten", ask(server, f"DELETE {place}", origin, key), 204)
        allowed("health", ask(server, "GET /readyz", origin), 200)
        equal("no details without a key", details(ask(server, "GET /readyz")), [])
        equal("nor with a wrong one", details(ask(server, "GET /readyz", "Authorization: Bearer two")), [])
        check("with a key", details(ask(server, "GET /readyz", key)))
        other = ask(server, "GET /jobs", "Origin: https://other.example", key)
        check("another origin is not told", "access-control-allow-origin" not in other.fields, other.fields)
        contains("but that it varies", other.fields.get("vary", ""), "origin")
        contains("as who names none", ask(server, "GET /jobs", key).fields.get("vary", ""), "origin")
        equal("another may not send", score(server, key, "Origin: https://other.example").kind, "origin-not-allowed")
        for target in ("/", "*"):
            equal(f"OPTIONS {target} without a key", ask(server, f"OPTIONS {target}", host=None, version="1.0").status, 204)
        answers = [ask(server, "GET /jobs", origin) for _ in range(600)]
        limited = next((one for one in answers if one.status == 429), None)
        check("too many requests", limited)
        if limited:
            allowed("too many requests", limited, 429)
    with Server("--allowed-origins", "*") as server:
        answer = score(server, "Origin: null")
        equal("any", (answer.status, answer.fields.get("access-control-allow-origin")), (202, "*"))
        equal("details are not for pages", details(ask(server, "GET /readyz", origin)), [])
    for value in ("app.example", "https://app.example/", "https://", "ftp://a.example", "null"):
        ran = run("serve", "--port", "0", "--allowed-origins", value)
        equal(f"'{value}': exit code", ran.code, 64)
        contains(f"'{value}': message", ran.last, "--allowed-origins", value)

PAGE = b"""<!DOCTYPE html><script>
const url = "%s", found = {};
async function go() {
  try {
    const form = new FormData();
    form.append("features", new Blob([Uint8Array.from(atob("%s"), c => c.charCodeAt(0))]), "x.npy");
    const sent = await fetch(url + "/score", {method: "POST", body: form, headers: {Prefer: "wait=20"}});
    found.status = sent.status;
    found.location = sent.headers.get("Location");
    const gone = await fetch(url + "/jobs/01M85BV3QAE4RGA8GVVP3465ME");
    found.gone = gone.status;
    await new Promise(done => {
      const events = new EventSource(url + found.location + "/events");
      events.addEventListener("end", () => { found.ended = true; events.close(); done(); });
      events.onerror = () => { events.close(); done(); };
    });
    found.deleted = (await fetch(url + found.location, {method: "DELETE"})).status;
  } catch (error) { found.error = "" + error; }
  document.body.innerHTML = "<pre>" + JSON.stringify(found) + "</pre>";
}
addEventListener("load", go);
</script><body></body>"""


def visit(program, server, pages_port):
    ran = subprocess.run(
        [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         f"--user-data-dir={scratch()}", "--virtual-time-budget=20000", "--dump-dom",
         f"http://127.0.0.1:{pages_port}/"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    # The script that writes it is in the page too.
    found = re.search(r"<pre>({.*?})</pre>", ran.stdout)
    return json.loads(found[1] if found else "{}"), ran.stderr


with group("a browser"):
    import base64

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program:
        skip("pages in a browser", "needs chromium (INSTALL=1 installs it)")
    else:
        page = [b""]

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page[0])

            def log_message(self, *_):
                pass

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Page) as pages:
            threading.Thread(target=pages.serve_forever, daemon=True).start()
            other = pages.server_address[1]
            for options, expected in (
                ((), {"error"}),
                (("--allowed-origins", f"http://127.0.0.1:{other}"), {"status", "location", "gone", "ended", "deleted"}),
            ):
                with Server(*options) as server:
                    page[0] = PAGE % (server.url.encode(), base64.b64encode(BODY))
                    found, errors = visit(program, server, other)
                    check(f"a page of another origin, {options}", set(found) == expected, f"{found} {errors[-500:]}")
                    if options:
                        shown = {name: found.get(name) for name in ("status", "gone", "deleted")}
                        equal("what it got", shown, {"status": 200, "gone": 404, "deleted": 204})
                    else:
                        equal("and no job came of it", json.loads(ask(server, "GET /jobs").body)["jobs"], [])

finish()
