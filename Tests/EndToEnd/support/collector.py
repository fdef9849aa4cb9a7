"""A collector of traces that takes what the published schema of OTLP has, and nothing else."""

import base64
import gzip
import http.server
import json
import socketserver
import threading

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

# What hexadecimal stands for in OTLP's JSON, where protobuf's own mapping has Base64.
IDS = ("traceId", "spanId", "parentSpanId")


def _with_bytes(value):
    """OTLP's JSON as protobuf's mapping reads it."""
    if isinstance(value, list):
        return [_with_bytes(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(one)).decode() if name in IDS else _with_bytes(one)
        for name, one in value.items()
    }


class Collector:
    """A server on a free port of loopback. `answers`: statuses, one a request, and 200 after them; a status can be a pair of it
    and headers."""

    def __init__(self, *answers):
        self.answers, self.requests, self.faults = list(answers), [], []
        self.changed = threading.Condition()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                collector.take(self)

            def log_message(self, *_):
                pass

        class Listening(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Listening(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self.changed:
            answer = self.answers.pop(0) if self.answers else 200
            status, fields = answer if isinstance(answer, tuple) else (answer, {})
            if status == 200:
                try:
                    self.requests.append((handler.path, dict(handler.headers), self.read(handler.headers, body)))
                except Exception as error:  # noqa: BLE001
                    self.faults.append(f"{type(error).__name__}: {error}")
            self.changed.notify_all()
        kind = handler.headers["Content-Type"]
        answer = b"{}" if kind == "application/json" else b""
        handler.send_response(status)
        for name, value in fields.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    @staticmethod
    def read(headers, body):
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = trace_service_pb2.ExportTraceServiceRequest()
        if headers["Content-Type"] == "application/x-protobuf":
            request.ParseFromString(body)
            # What the schema does not know would be kept as it came.
            known = trace_service_pb2.ExportTraceServiceRequest()
            known.CopyFrom(request)
            known.DiscardUnknownFields()
            if known.SerializeToString() != request.SerializeToString():
                raise ValueError("a field that the schema does not have")
        else:
            json_format.ParseDict(_with_bytes(json.loads(body)), request)
        return request

    @property
    def spans(self):
        return [
            span
            for _, _, request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resources(self):
        return [
            {one.key: one.value.string_value or one.value.int_value for one in resource.resource.attributes}
            for _, _, request in self.requests
            for resource in request.resource_spans
        ]

    def wait(self, condition, seconds=120):
        with self.changed:
            return self.changed.wait_for(lambda: condition(self.spans), seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
