"""A PostgreSQL of a check's own, and a PgBouncer before it: on sockets of a scratch folder, by a user who is not root."""

import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse


def _bin():
    versions = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4].split(".")[0]))
    if versions:
        return pathlib.Path(versions[-1])
    found = shutil.which("initdb")
    return pathlib.Path(found).parent if found else None


BIN = _bin()
PGBOUNCER = shutil.which("pgbouncer") or ("/usr/sbin/pgbouncer" if os.path.exists("/usr/sbin/pgbouncer") else None)


def _user():
    """Whom PostgreSQL runs as, which it does not do as root; nothing where we are not root."""
    if os.getuid() != 0:
        return []
    known = subprocess.run(["id", "-u", "postgres"], capture_output=True).returncode == 0
    return ["setpriv", f"--reuid={'postgres' if known else 'nobody'}", "--clear-groups"]


class Postgres:
    """Begins when it is made, with a database of its own for each that asks."""

    def __init__(self, durable=True, following=None, place=None):
        # Where any user may come, and with a path that has room for a socket's name.
        self.folder = place or pathlib.Path(tempfile.mkdtemp(prefix="vigil-pg-", dir="/tmp"))
        self.user = _user()
        if self.user:
            shutil.chown(self.folder, self.user[1].split("=")[1])
        self.durable = durable
        data = self.folder / "data"
        if following:
            where = f"host={following.folder} user=vigil application_name=standby"
            self._run("pg_basebackup", "-d", where, "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        else:
            # On a disk of its own there is little room for the log.
            small = ["--wal-segsize=1"] if place else []
            self._run("initdb", "-D", data, "-U", "vigil", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", *small)
        self.process = None
        self.start()

    def _run(self, program, *arguments, **more):
        return subprocess.run(
            [*self.user, str(BIN / program), *map(str, arguments)],
            check=True, cwd="/", capture_output=True, text=True, **more,
        ).stdout

    def start(self):
        """Begins, and returns once it answers."""
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}", "-c", "max_connections=200"]
        if not self.durable:
            options += ["-c", "fsync=off"]
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [*self.user, str(BIN / "postgres"), "-D", str(self.folder / "data"), *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
        )
        end = time.monotonic() + 120
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < end, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.02)

    def answers(self):
        try:
            return self.ask("SELECT 1") == "1"
        except subprocess.CalledProcessError:
            return False

    def standby(self):
        """A copy that follows; nothing is committed here from now on that it has not written too."""
        other = Postgres(following=self)
        self.ask("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self.ask("SELECT pg_reload_conf()")
        end = time.monotonic() + 120
        while self.ask("SELECT sync_state FROM pg_stat_replication") != "sync":
            assert time.monotonic() < end, "the standby does not follow"
            time.sleep(0.05)
        return other

    def set(self, name, value):
        """Sets what counts from then on."""
        self.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        self.ask("SELECT pg_reload_conf()")
        end = time.monotonic() + 60
        while self.ask(f"SHOW {name}") != value:
            assert time.monotonic() < end, f"{name} is not set"
            time.sleep(0.02)

    def promote(self):
        """Ends following: from now on it takes writes."""
        assert self.ask("SELECT pg_promote(true, 120)") == "t"

    def kill(self):
        """Ends it at once, with all that it began: as a loss of power does, but for the disk's own memory."""
        self.process.kill()
        self.process.wait()
        # What it has begun ends when it sees that it is gone; the next one does not begin before.
        end = time.monotonic() + 60
        while subprocess.run(["pgrep", "-f", f"^postgres: .*|{self.folder}/data"], capture_output=True).returncode == 0:
            if time.monotonic() > end or not self.lingers():
                break
            time.sleep(0.02)

    def lingers(self):
        """Whether a process has the data folder open as its own."""
        for path in glob.glob("/proc/[0-9]*/cwd"):
            try:
                if os.readlink(path) == str(self.folder / "data"):
                    return True
            except OSError:
                continue
        return False

    def halt(self):
        """Ends it in order; it can begin again."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def stop(self):
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, sql, database="postgres"):
        """What a statement gives, as psql writes it."""
        return self._run("psql", "-XAtq", "-h", self.folder, "-U", "vigil", "-d", database, "-c", sql).strip()

    def database(self, name):
        self.ask(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def url(self, name, *others):
        """Its address; with others that of whichever of them takes writes."""
        hosts = ",".join(urllib.parse.quote(str(one.folder), safe="") for one in (self, *others))
        more = "&target_session_attrs=read-write" if others else ""
        return f"postgres:///{name}?host={hosts}&user=vigil{more}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Wire:
    """A way to a PostgreSQL that can be cut: no byte passes then, and nobody hears that anybody has hung up."""

    def __init__(self, postgres):
        self.folder = postgres.folder / "wire"
        self.folder.mkdir()
        self.target = str(postgres.folder / ".s.PGSQL.5432")
        self.whole = threading.Event()
        self.whole.set()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folder / ".s.PGSQL.5432"))
        self.listener.listen(128)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.target)
            except OSError:
                return
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.hand, args=pair, daemon=True).start()

    def hand(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                self.whole.wait()
                sink.sendall(data)
            self.whole.wait()
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        self.whole.clear()

    def mend(self):
        self.whole.set()

    def url(self, name):
        return f"postgres:///{name}?host={urllib.parse.quote(str(self.folder), safe='')}&user=vigil"

    def stop(self):
        self.mend()
        self.listener.close()


class PgBouncer:
    """Gives each transaction whichever session is free."""

    def __init__(self, postgres, sessions=4):
        self.folder = postgres.folder / "bouncer"
        self.folder.mkdir()
        if postgres.user:
            shutil.chown(self.folder, postgres.user[1].split("=")[1])
        self.sessions = sessions
        self.write(postgres)
        self.process = subprocess.Popen(
            [*postgres.user, PGBOUNCER, "-q", str(self.folder / "pgbouncer.ini")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd="/",
        )
        end = time.monotonic() + 60
        while not os.path.exists(self.folder / ".s.PGSQL.6432"):
            assert self.process.poll() is None and time.monotonic() < end, "pgbouncer does not begin"
            time.sleep(0.02)

    def write(self, postgres):
        # auth_type any takes the user that the database names.
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={postgres.folder} user=vigil\n[pgbouncer]\nlisten_addr =\n"
            f"unix_socket_dir = {self.folder}\nlisten_port = 6432\nauth_type = any\npool_mode = transaction\n"
            f"default_pool_size = {self.sessions}\nmax_client_conn = 500\nserver_login_retry = 1\nlogfile = {self.folder}/log\n"
        )

    def lead_to(self, postgres):
        """Has it give sessions of another PostgreSQL from now on, as one does by hand or a script after a failover."""
        self.write(postgres)
        self.process.send_signal(signal.SIGHUP)

    def url(self, name):
        place = urllib.parse.quote(str(self.folder), safe="")
        return f"postgres:///{name}?host={place}&port=6432&user=vigil"

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
