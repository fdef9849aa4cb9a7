"""What stands between a client and a server and does what networks and busy servers do, as it is told."""

import http.client
import http.server
import json
import socket
import struct
import threading


class Between:
    """A server of HTTP that hands requests on to another one, unless `plan` says something else.

    `plan(request)` gives what becomes of a request: None to hand it on, ("answer", status, fields) to answer in the server's
    place, "cut" to end the connection unanswered, "lose" to hand it on and end the connection without the answer, or
    ("hold", event, done) to hand it on, set `done`, and wait for `event` before the answer. `cuts` has how many bytes of an
    events' stream go through before it is cut, for one stream after another.
    """

    def __init__(self, server, plan=lambda request: None, cuts=()):
        self.server, self.plan, self.cuts = server, plan, list(cuts)
        self.lock = threading.Lock()
        self.requests = []
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_expect_100(self):
                # Whoever refuses does so before it takes the body.
                return True

            def handed(self):
                between.handle(self)

            do_GET = do_POST = do_DELETE = handed

            def log_message(self, *_):
                pass

        class Threads(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.listener = Threads(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.listener.server_address[1]}"
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    def handle(self, handler):
        request = {"method": handler.command, "path": handler.path, "body": b""}
        request["headers"] = {name.title(): value for name, value in handler.headers.items()}
        with self.lock:
            self.requests.append(request)
            what = self.plan(request)
        if isinstance(what, tuple) and what[0] == "answer" and "Expect" in handler.headers:
            return self.answer(handler, *what[1:])
        if what == "cut":
            return self.cut(handler)
        if handler.headers.get("Expect"):
            handler.send_response_only(100)
            handler.end_headers()
        request["body"] = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if isinstance(what, tuple) and what[0] == "answer":
            return self.answer(handler, *what[1:])
        if handler.path.split("?")[0].endswith("/events"):
            return self.stream(handler)
        upstream = http.client.HTTPConnection(self.server.host, self.server.port, timeout=300)
        fields = {name: value for name, value in handler.headers.items() if name.lower() not in ("host", "expect")}
        upstream.request(handler.command, handler.path, request["body"] or None, fields)
        answer = upstream.getresponse()
        body = answer.read()
        upstream.close()
        request["status"] = answer.status
        if what == "lose":
            return self.cut(handler)
        if isinstance(what, tuple):
            what[2].set()
            what[1].wait(120)
        handed = ("Content-Type", "Content-Encoding", "Idempotency-Replayed", "Retry-After")
        fields = [one for one in answer.getheaders() if one[0] in handed]
        self.answer(handler, answer.status, dict(fields), body)

    def answer(self, handler, status, fields, body=b"{}"):
        handler.send_response_only(status)
        for name, value in fields.items():
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        if "Expect" in handler.headers:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        handler.end_headers()
        handler.wfile.write(body)

    def cut(self, handler):
        # With a reset, as when a machine on the way begins again.
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()
        handler.rfile.close()

    def stream(self, handler):
        with self.lock:
            left = self.cuts.pop(0) if self.cuts else None
        lines = [f"GET {handler.path} HTTP/1.1", f"Host: {self.server.host}"]
        lines += [f"{name}: {value}" for name, value in handler.headers.items() if name.lower() != "host"]
        with socket.create_connection((self.server.host, self.server.port), 300) as upstream:
            upstream.sendall("\r\n".join([*lines, "", ""]).encode())
            while data := upstream.recv(4096):
                part = data if left is None else data[:left]
                handler.wfile.write(part)
                if left is not None and (left := left - len(part)) <= 0:
                    return self.cut(handler)
        handler.close_connection = True

    def posts(self):
        """The requests that had files scored."""
        return [one for one in self.requests if one["method"] == "POST"]

    def stop(self):
        self.listener.shutdown()
        self.listener.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Raw:
    """A server that answers its first connection with the first of these bytes, and so on, all further ones with the last,
    and then ends it."""

    def __init__(self, *said):
        self.said = list(said)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
            threading.Thread(target=self.one, args=(client, said), daemon=True).start()

    def one(self, client, said):
        with client:
            try:
                client.recv(65536)
                for piece in said() if callable(said) else [said]:
                    client.sendall(piece)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def lines(text):
    """JSON lines as values."""
    return [json.loads(line) for line in text.splitlines()]
