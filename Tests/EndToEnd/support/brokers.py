"""A broker of MQTT, Debian's mosquitto, and who listens at it."""

import json
import shutil
import socket
import subprocess
import threading
import time

from support.harness import scratch

# Debian keeps it where only administrators look.
PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
LISTENER = shutil.which("mosquitto_sub")
PASSWORDS = shutil.which("mosquitto_passwd")
available = all((PROGRAM, LISTENER, PASSWORDS))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Broker:
    """A broker on one port, which can be killed and begun again. `tls`: (authority, certificate, key) as paths."""

    def __init__(self, tls=None, user=None, password=None):
        self.folder, self.port, self.process = scratch(), free_port(), None
        lines = [f"listener {self.port} 127.0.0.1", "user root", "persistence false", "log_type none"]
        if user:
            passwords = self.folder / "passwords"
            subprocess.run([PASSWORDS, "-b", "-c", passwords, user, password], check=True, capture_output=True)
            lines += [f"password_file {passwords}", "allow_anonymous false"]
        else:
            lines.append("allow_anonymous true")
        if tls:
            authority, certificate, key = tls
            lines += [f"cafile {authority}", f"certfile {certificate}", f"keyfile {key}", "require_certificate true"]
        self.file = self.folder / "mosquitto.conf"
        self.file.write_text("\n".join(lines) + "\n")
        self.begin()

    def begin(self):
        self.process = subprocess.Popen(
            [PROGRAM, "-c", self.file], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("mosquitto does not listen")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class Listener:
    """What is published at a broker, from now on and as it is kept: (topic, whether it was kept, text)."""

    def __init__(self, broker, *options):
        self.heard, self.changed = [], threading.Condition(threading.RLock())
        self.process = subprocess.Popen(
            [LISTENER, "-h", "127.0.0.1", "-p", str(broker.port), "-t", "#", "-q", "1", "-F", "%j", *map(str, options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            told = json.loads(line)
            with self.changed:
                self.heard.append((told["topic"], bool(told["retain"]), told["payload"]))
                self.changed.notify_all()

    def wait(self, found, seconds=180):
        """What `found` makes of all that was heard, once that is something or the time is up."""
        with self.changed:
            self.changed.wait_for(lambda: found(self.heard), seconds)
            return found(self.heard)

    def texts(self, topic):
        with self.changed:
            return [text for name, _, text in self.heard if name == topic]

    def events(self, camera, prefix="vigil"):
        return [json.loads(text) for text in self.texts(f"{prefix}/camera/{camera}/event")]

    def wait_for_events(self, camera, count, seconds=180, prefix="vigil"):
        self.wait(lambda _: len(self.events(camera, prefix)) >= count, seconds)
        return self.events(camera, prefix)

    def wait_for_end(self, camera, seconds=300, prefix="vigil"):
        """The events of a camera up to an end, which may be told after begins that were told twice."""
        self.wait(lambda _: any(one["event_type"] == "end" for one in self.events(camera, prefix)), seconds)
        return self.events(camera, prefix)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
