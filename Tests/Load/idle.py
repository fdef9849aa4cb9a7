"""What an idle keep-alive connection costs the server, and whether all of them are still served.

    python3 Tests/Load/idle.py [VIGIL [CONNECTIONS]]

Opens the connections, has each answered once, looks at the server's memory, waits, and asks on each of them again.
Fails above 8 KiB a connection, and if one is not served. The limit on descriptors must allow the connections twice.
"""

import re
import resource
import selectors
import signal
import socket
import subprocess
import sys
import time

BAR_KIB = 8
vigil = sys.argv[1] if len(sys.argv) > 1 else ".build/release/vigil"
count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
QUESTION = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nUser-Agent: idle.py\r\nAccept: */*\r\n\r\n"

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def memory(process):
    with open(f"/proc/{process}/status") as file:
        return int(re.search(r"RssAnon:\s*(\d+)", file.read())[1])


def ask(clients):
    """Asks on each connection, as many at once as there are, and counts those that are answered with 200."""
    waiting = selectors.DefaultSelector()
    for client in clients:
        client.sendall(QUESTION)
        waiting.register(client, selectors.EVENT_READ)
    served, left, end = 0, len(clients), time.monotonic() + 60
    while left and time.monotonic() < end:
        for key, _ in waiting.select(1):
            served += key.fileobj.recv(65536).startswith(b"HTTP/1.1 200")
            waiting.unregister(key.fileobj)
            left -= 1
    return served


server = subprocess.Popen(
    [vigil, "serve", "--port", "0", "--state", "memory", "--max-connections", str(count + 100)],
    stderr=subprocess.PIPE,
    text=True,
)
try:
    for line in server.stderr:
        if found := re.search(r"url=http://127.0.0.1:(\d+)", line):
            address = ("127.0.0.1", int(found[1]))
            break
    # Threads and buffers come with the first requests.
    warm = [socket.create_connection(address) for _ in range(64)]
    ask(warm)
    for client in warm:
        client.close()
    time.sleep(0.5)
    before = memory(server.pid)
    begun = time.monotonic()
    clients = []
    for _ in range(count):
        clients.append(socket.create_connection(address, 10))
    first = ask(clients)
    opened = time.monotonic() - begun
    time.sleep(1)
    during = memory(server.pid)
    begun = time.monotonic()
    second = ask(clients)
    took = time.monotonic() - begun
    after = memory(server.pid)
    each = (max(during, after) - before) / count
    print(f"{count} connections opened and answered in {opened:.2f} s, answered again in {took:.2f} s")
    print(f"memory: {before} KiB before, {during} KiB idle, {after} KiB after; {each:.2f} KiB a connection")
    print(f"served: {first} and {second} of {count}")
    good = first == second == count and each < BAR_KIB
    print("ok" if good else f"FAIL: expected all served, and under {BAR_KIB} KiB a connection")
finally:
    server.send_signal(signal.SIGTERM)
    server.wait(30)
sys.exit(not good)
