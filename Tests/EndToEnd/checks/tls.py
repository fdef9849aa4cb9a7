"""TLS: what is spoken, what is refused, who is let in, and certificates that change while the server runs."""

import contextlib
import importlib.util
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from support.certificates import Certificates, s_client
from support.harness import check, contains, equal, finish, group, need, note, scratch, shown, skip
from support.process import Server, run

need("TLS", "numpy")
if not Certificates.available:
    skip("TLS", "needs openssl")
    finish()

from support import features  # noqa: E402

folder = scratch()
certificates = Certificates(folder)
pem, key = certificates.make("server", key=["-newkey", "rsa:2048"])
GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
body = features.npy(features.video(256))


def context(version=None, client=None):
    made = ssl.create_default_context(cafile=certificates.pem("ca"))
    if version:
        made.minimum_version = made.maximum_version = version
    if client:
        made.load_cert_chain(certificates.pem(client), certificates.key(client))
    return made


@contextlib.contextmanager
def connected(server, made=None, **options):
    with socket.create_connection(("127.0.0.1", server.port), 60) as plain:
        plain.settimeout(60)
        with (made or context()).wrap_socket(plain, server_hostname="localhost", **options) as secured:
            yield secured


def rest(stream):
    """All that comes until the end; an end without close_notify is an error."""
    stream_bytes = b""
    while piece := stream.recv(65536):
        stream_bytes += piece
    return stream_bytes


def ask(server, request=LAST, made=None, **options):
    with connected(server, made, suppress_ragged_eofs=False, **options) as stream:
        stream.sendall(request)
        return rest(stream)


def healthy(name, server, **client):
    check(f"{name}: the next connection is fine", ask(server, made=context(**client)).startswith(b"HTTP/1.1 200"))


def tls(*more, certificate=pem, private=key, **options):
    return Server("--tls-cert", certificate, "--tls-key", private, *more, **options)


def until(server, *parts):
    """Waits for the log to have all parts; how long it took, or None."""
    begun = time.monotonic()
    while time.monotonic() - begun < 60:
        if all(part in server.text() for part in parts):
            return time.monotonic() - begun
        time.sleep(0.05)


def ends(name, code, *arguments, says=(), env=None):
    ran = run("serve", "--port", "0", *arguments, env=env)
    check(f"{name}: exit {code}", ran.code == code, f"exit {ran.code}: {shown(ran.err)}")
    check(f"{name}: one line", ran.err.count("\n") == 1, shown(ran.err))
    contains(f"{name}: says why", ran.err, *says)


with group("what can't be served"):
    certificates.lock("server", "locked")
    (folder / "noise.pem").write_text("no certificate")
    locked, noise = certificates.key("locked"), folder / "noise.pem"
    other = certificates.key("other")
    ends("no such certificate", 66, "--tls-cert", folder / "no.pem", "--tls-key", key, says=["no.pem"])
    ends("no such key", 66, "--tls-cert", pem, "--tls-key", folder / "no.key", says=["no.key"])
    ends("a certificate that is none", 78, "--tls-cert", noise, "--tls-key", key, says=["noise.pem", "certificate"])
    ends("an encrypted key", 78, "--tls-cert", pem, "--tls-key", locked, says=["locked.key", "encrypted"])
    ends("another's key", 78, "--tls-cert", pem, "--tls-key", other, says=["other.key", "server.pem"])
    ends("a certificate without key", 64, "--tls-cert", pem, says=["--tls-key"])
    ends("a key without certificate", 78, env={"VIGIL_TLS_KEY": str(key)}, says=["--tls-cert"])
    ends("authorities alone", 64, "--tls-client-ca", pem, says=["--tls-cert"])
    ends("no time for handshakes", 64, "--tls-handshake-timeout", "0", says=["handshake"])

with tls() as server, tls("--tls-handshake-timeout", 3) as brief:
    with group("what is spoken"):
        contains("the log has the https address", server.text(), f"url=https://127.0.0.1:{server.port}")
        check("the log names the certificate", until(server, "CN=server", "not_after=") is not None, server.text())
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            check(version.name, ask(server, made=context(version)).startswith(b"HTTP/1.1 200"))
        for option in ("-tls1", "-tls1_1"):
            said = s_client(server.port, option, "-cipher", "ALL:@SECLEVEL=0")
            contains(f"{option} is refused by an alert", said, "alert protocol version")
        for cipher in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-SHA", "aNULL"):
            said = s_client(server.port, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
            contains(f"{cipher} is refused by an alert", said, "alert handshake failure")
        for offered, chosen in (("http/1.1", "http/1.1"), ("h2,http/1.1", "http/1.1")):
            said = s_client(server.port, "-alpn", offered, typed="Q\n")
            contains(f"ALPN {offered}", said, f"ALPN protocol: {chosen}")
        contains("ALPN h2 alone", s_client(server.port, "-alpn", "h2"), "alert no application protocol")
        contains("compression is off", s_client(server.port, "-tls1_2", typed="Q\n"), "Compression: NONE")
    with group("resumption and renegotiation"):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with connected(server, context(version)) as stream:
                # Once there is an answer the server knows the session: OpenSSL keeps it after it has sent its last message.
                stream.sendall(GET)
                stream.recv(65536)
                made, session = stream.context, stream.session
            for number in range(5):
                with connected(server, made, session=session) as again:
                    again.sendall(GET)
                    again.recv(65536)
                    check(f"{version.name} resumes, {number}", again.session_reused)
                    session = again.session
        said = s_client(server.port, "-tls1_2", typed="R\n")
        contains("renegotiation is refused", said, "no renegotiation")
        healthy("renegotiation", server)
    with group("clients that are not as they should be"):
        for request in (GET, b"DELETE /jobs/1 HTTP/1.1\r\n\r\n", b"G"):
            with socket.create_connection(("127.0.0.1", server.port), 60) as plain:
                plain.sendall(request)
                answer = rest(plain)
            check(f"plain {request[:6]}: 400", answer.startswith(b"HTTP/1.1 400") and b"tls-required" in answer, answer)
        noises = (b"\0" * 64, b"\xff" * 64, b"\x16\x03\x01\xff\xff" + b"\1" * 64, bytes(range(22, 120)))
        made = [socket.create_connection(("127.0.0.1", brief.port), 60) for _ in noises]
        for plain, noise in zip(made, noises):
            plain.sendall(noise)
        for plain, noise in zip(made, noises):
            answer, gone = b"", False
            with plain, contextlib.suppress(TimeoutError):
                try:
                    answer, gone = rest(plain), True
                except ConnectionResetError:
                    gone = True
            check(f"noise {noise[:3]} gets no answer in HTTP", b"HTTP" not in answer)
            check(f"noise {noise[:3]} is let go", gone)
        inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        dripping = context().wrap_bio(inward, outward, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", server.port), 60) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                try:
                    dripping.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    for byte in outward.read():
                        plain.sendall(bytes([byte]))
                    inward.write(plain.recv(65536))
            check("a handshake byte by byte succeeds", dripping.version() == "TLSv1.3")
        with connected(server) as stream:
            stream.sendall(GET)
            check("an end without close_notify is answered", stream.recv(65536).startswith(b"HTTP/1.1 200"))
            socket.socket(fileno=stream.detach()).close()
        for _ in range(20):
            with connected(server) as stream:
                stream.sendall(b"GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        healthy("resets", server)
        silent = [socket.create_connection(("127.0.0.1", brief.port), 60) for _ in range(200)]
        for one in silent[::2]:
            one.sendall(b"\x16\x03\x01\x01\x00\x01")
        healthy("200 that do not shake hands", brief)
        check("they are let go", all(rest(one) == b"" for one in silent))
    with group("what goes through"):
        head = "POST /score?fps=30 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-npy\r\nPrefer: wait=60\r\n"
        upload = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        with connected(server) as stream:
            for number in range(3):
                stream.sendall(upload)
                answer = stream.recv(65536)
                check(f"upload {number}", answer.startswith(b"HTTP/1.1 2"), answer[:200])
                while not answer.rstrip().endswith(b"}"):
                    answer += stream.recv(65536)
            stream.sendall(GET * 19 + LAST)
            equal("20 pipelined requests", rest(stream).count(b"HTTP/1.1 200"), 20)
        before = server.rss()
        made = context()
        idle = []
        for _ in range(1000):
            stream = made.wrap_socket(socket.create_connection(("127.0.0.1", server.port)), server_hostname="localhost")
            stream.sendall(GET)
            stream.recv(65536)
            idle.append(stream)
        each = (server.rss() - before) * 1024 / len(idle)
        note(f"{each:.1f} KiB for each of {len(idle)} idle connections")
        check("an idle connection takes less than 40 KiB", each < 40, f"{each:.1f} KiB")
        for stream in idle:
            stream.close()
    check("the service lives", server.alive())
    equal("it ends on SIGTERM", server.stop(), 0)

with group("certificates that change"):
    live = certificates.make("live")
    certificates.make("renewed")
    certificates.make("soon", days=3)
    with tls(certificate=live[0], private=live[1]) as server, connected(server) as old:

        def names(stream):
            return dict(pair[0] for pair in stream.getpeercert()["subject"])["commonName"]

        certificates.install("renewed", "live")
        seconds = until(server, "certificate replaced", "CN=renewed")
        check("a new certificate is found", seconds is not None, server.text())
        note(f"after {seconds or 0:.1f} s")
        with connected(server) as new:
            equal("new connections get it", names(new), "renewed")
        equal("open ones keep theirs", names(old), "live")
        old.sendall(GET)
        check("and go on", old.recv(65536).startswith(b"HTTP/1.1 200"))
        # Nobody who only looks at the files finds that they changed.
        certificates.rewrite("soon", "live")
        server.signal(signal.SIGHUP)
        seconds = until(server, "CN=soon", "expires soon")
        check("SIGHUP reads it at once, with a warning", seconds is not None, server.text())
        certificates.pem("live").write_text("nonsense")
        server.signal(signal.SIGHUP)
        check("a bad one is an error in the log", until(server, "error", "live.pem is not") is not None, server.text())
        with connected(server) as new:
            equal("and the one before stays", names(new), "soon")
        old.sendall(GET)
        check("the first connection still goes on", old.recv(65536).startswith(b"HTTP/1.1 200"))
    with tls(certificate=certificates.make("expired", days=-1)[0], private=certificates.key("expired")) as server:
        check("an expired certificate is warned of", until(server, "has expired") is not None, server.text())

with group("private keys that everyone can read"):
    open_key = certificates.make("open")[1]
    open_key.chmod(0o644)
    with tls(certificate=certificates.pem("open"), private=open_key) as server:
        contains("are warned of", server.text(), "can read the private key: chmod o-r", "open")
    with tls() as server:
        check("others are not", "can read the private key" not in server.text(), server.text())

with group("vigil health"):
    (folder / "vigil.yaml").write_text(f"tls-cert: {pem}\ntls-key: {key}\n")
    with tls() as server:
        port, name = {"VIGIL_PORT": str(server.port)}, f"https://localhost:{server.port}"
        files = {"VIGIL_TLS_CERT": str(pem), "VIGIL_TLS_KEY": str(key)}
        for what, code, arguments, env, *words in (
            ("by the environment", 0, [], port | files, "ok"),
            ("takes jobs", 0, ["--ready"], port | files),
            ("by a config file", 0, ["--config", folder / "vigil.yaml"], port),
            ("by one that is named so", 0, [], port | {"VIGIL_CONFIG": str(folder / "vigil.yaml")}),
            ("by a URL", 0, [name, "--ca", certificates.pem("ca")], {}),
            ("by a URL, nobody vouches", 70, [name], {}, "--ca"),
            ("without TLS", 70, [], port, "found 400"),
            ("a CA without TLS", 64, ["--ca", certificates.pem("ca")], port, "--ca"),
        ):
            ran = run("health", *arguments, env=env)
            check(f"{what}: exit {code}", ran.code == code, f"{ran.code} {shown(ran.out + ran.err)}")
            contains(what, ran.out + ran.err, *words)
    certificates.make("prober")
    with tls("--tls-client-ca", certificates.pem("ca")) as server:
        env = files | {"VIGIL_PORT": str(server.port), "VIGIL_TLS_CLIENT_CA": str(certificates.pem("ca"))}
        own = ["--cert", certificates.pem("prober"), "--key", certificates.key("prober")]
        equal("with its own certificate", run("health", *own, env=env).code, 0)
        ran = run("health", env=env)
        check("and none without", ran.code == 78 and "--cert" in ran.err, f"{ran.code} {shown(ran.err)}")

with group("client certificates"):
    for name, by, days in (("camera", "ca", 30), ("late", "ca", -1), ("stranger", "other", 30)):
        certificates.make(name, by=by, days=days)
    with tls("--tls-client-ca", certificates.pem("ca")) as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            made = context(version, "camera")
            check(f"{version.name}: a good one is let in", ask(server, made=made).startswith(b"HTTP/1.1 200"))
            for name, words in (("late", "EXPIRED"), ("stranger", "UNKNOWN_CA"), (None, "ALERT")):
                try:
                    said = str(ask(server, made=context(version, name)))
                except OSError as error:
                    said = str(error)
                contains(f"{version.name}: {name or 'none'} gets an alert", said, words)
                healthy(f"{version.name}, {name or 'none'}", server, client="camera")

with group("the end under load"):
    with tls("--grace", 300) as server:
        failures, ended = [], threading.Event()

        def client():
            made = context()
            while not ended.is_set():
                try:
                    if not ask(server, upload, made=made).startswith((b"HTTP/1.1 2", b"HTTP/1.1 503", b"HTTP/1.1 429")):
                        failures.append("another answer")
                except OSError as error:
                    if not ended.is_set() and not isinstance(error, ConnectionRefusedError):
                        failures.append(repr(error))

        upload = upload.replace(b"Host: localhost\r\n", b"Host: localhost\r\nConnection: close\r\n")
        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        server.signal(signal.SIGTERM)
        code = server.wait()
        ended.set()
        for thread in threads:
            thread.join()
        equal("exit code", code, 0)
        # A connection that was made while the listener closed is reset by the system, without TLS having begun.
        check("answers were whole", all("reset" in one.lower() for one in failures), failures[:3])

if importlib.util.find_spec("sslyze"):
    with group("sslyze"), tls() as server:
        command = [sys.executable, "-m", "sslyze", "--mozilla_config=intermediate", f"127.0.0.1:{server.port}"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
        _, _, verdict = ran.stdout.partition("COMPLIANCE AGAINST TLS CONFIGURATION")
        complaints = [line.strip() for line in verdict.splitlines() if line.strip().startswith("*")]
        # The authority is one that nobody else knows.
        complaints = [line for line in complaints if "certificate_path_validation" not in line]
        check("sslyze finds Mozilla's intermediate configuration", verdict and not complaints, verdict or ran.stderr)
else:
    skip("sslyze", "not installed (pip install sslyze)")
finish()
