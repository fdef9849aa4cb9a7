"""What the measuring scripts speak to a server by."""

import re
import socket


class Connection:
    """One kept connection, spoken to in bytes, so that the client costs little."""

    def __init__(self, port, source="127.0.0.1", timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request):
        self.socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError("it closed")
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
        while len(body) < length:
            body += self.socket.recv(1 << 20)
        return int(head[9:12]), body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
