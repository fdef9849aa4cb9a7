"""Receivers of callbacks: they write down what comes, and answer as they are told."""

import base64
import dataclasses
import hmac
import http.server
import json
import secrets
import socketserver
import ssl
import threading
import time


def secret(size=32):
    return "whsec_" + base64.b64encode(secrets.token_bytes(size)).decode()


def signature(key, identifier, timestamp, body):
    """What Standard Webhooks has a sender write, reckoned from its text and not by Vigil."""
    code = hmac.new(
        base64.b64decode(key.removeprefix("whsec_")), f"{identifier}.{timestamp}.".encode() + body, "sha256"
    )
    return "v1," + base64.b64encode(code.digest()).decode()


@dataclasses.dataclass
class Call:
    """A request that came."""

    method: str
    path: str
    headers: dict
    body: bytes
    at: float = dataclasses.field(default_factory=time.monotonic)
    clock: float = dataclasses.field(default_factory=time.time)

    @property
    def json(self):
        return json.loads(self.body)

    def signed_by(self, *keys):
        """Whether its signatures are those of the keys, each once and in their order."""
        identifier, timestamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        return self.headers["webhook-signature"].split(" ") == [
            signature(key, identifier, timestamp, self.body) for key in keys
        ]


class Receiver:
    """A server on a free port of its own. `answers`: path to statuses, one a request, the last one for all after it;
    a status can be a pair of it and headers; "hang" answers when the receiver is closed."""

    def __init__(self, answers=None, host="127.0.0.1", certificate=None):
        self.answers, self.calls, self.connections = answers or {}, [], 0
        self.changed, self.closing = threading.Condition(), threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver.take(self)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Listening(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads, request_queue_size = True, 128

            def get_request(self):
                connection = super().get_request()
                receiver.connections += 1
                return connection

            def handle_error(self, *_):
                pass

        self.server = Listening((host, 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, certificate))
            # The handshake is the handler's thread's, so that a peer that does not speak holds up nobody.
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self.server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://{host}:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        path = handler.path
        with self.changed:
            self.calls.append(
                Call(handler.command, path, {name.lower(): value for name, value in handler.headers.items()}, body)
            )
            told = self.answers.get(path, [204])
            answer = told[min(len(self.at(path)), len(told)) - 1]
            self.changed.notify_all()
        if answer == "hang":
            self.closing.wait()
            return
        status, fields = answer if isinstance(answer, tuple) else (answer, {})
        handler.send_response(status)
        for name, value in fields.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def at(self, path):
        return [call for call in self.calls if call.path == path]

    def wait(self, path, count=1, seconds=120):
        """The calls of a path, once there are so many or the time is up."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.at(path)) >= count, seconds)
            return self.at(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
