"""Server-sent events over a plain socket, read as the HTML standard says and by nothing of ours."""

import json
import socket


class Stream:
    """One request for events, and what came of it."""

    def __init__(self, server, path, last=None, method="GET", timeout=300, parse=json.loads, **fields):
        self.parse = parse
        self.socket = socket.create_connection((server.host, server.port), timeout)
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Accept: text/event-stream"]
        if last is not None:
            lines.append(f"Last-Event-ID: {last}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()) != b"":
            name, value = line.decode().split(":", 1)
            self.headers[name.lower()] = value.strip()
        self.retry, self.comments, self.whole = None, 0, False

    def lines(self):
        """The lines of the chunked body; `whole` says afterwards whether it was complete."""
        rest = b""
        while size := self.file.readline():
            if (count := int(size, 16)) == 0:
                self.whole = True
                break
            rest += self.file.read(count)
            self.file.readline()
            *done, rest = rest.split(b"\n")
            yield from (line.decode() for line in done)

    def __iter__(self):
        """(event, id, data as JSON) as they come."""
        name, data, last = "", [], ""
        for line in self.lines():
            if line == "":
                if data:
                    yield name or "message", last, self.parse("\n".join(data))
                name, data = "", []
                continue
            if line.startswith(":"):
                self.comments += 1
                continue
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                last = value
            elif field == "retry":
                self.retry = int(value)

    def close(self):
        self.file.close()
        self.socket.close()
