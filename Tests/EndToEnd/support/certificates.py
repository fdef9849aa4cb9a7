"""Certificates for checks of TLS, made by the openssl program."""

import shutil
import subprocess

from support import unseen

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


class Certificates:
    """A folder with an authority `ca`, a stranger `other`, and whatever `make` puts beside them."""

    available = shutil.which("openssl") is not None

    def __init__(self, folder):
        self.folder = folder
        for name in ("ca", "other"):
            self.run(
                "req", "-x509", *CURVE, "-nodes", "-keyout", self.key(name), "-out", self.pem(name), "-days", "30",
                "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            )  # fmt: skip
        (folder / "names").write_text(NAMES + "\n")

    def make(self, name, by="ca", days=30, key=CURVE):
        self.run("req", *key, "-nodes", "-keyout", self.key(name), "-out", self.folder / "csr", "-subj", f"/CN={name}")
        self.run(
            "x509", "-req", "-in", self.folder / "csr", "-CA", self.pem(by), "-CAkey", self.key(by), "-CAcreateserial",
            "-days", days, "-out", self.pem(name), "-extfile", self.folder / "names",
        )  # fmt: skip
        return self.pem(name), self.key(name)

    def lock(self, name, locked):
        self.run("pkey", "-in", self.key(name), "-aes256", "-passout", "pass:secret", "-out", self.key(locked))

    def install(self, name, target):
        """Puts a certificate and its key in the places of `target`'s, as renewals do."""
        for kind in (self.key, self.pem):
            fresh = self.folder / "fresh"
            fresh.write_bytes(unseen.filled(kind(name).read_text()))
            fresh.replace(kind(target))

    def rewrite(self, name, target):
        """The same without a sign of it, where `target`'s were installed before."""
        for kind in (self.key, self.pem):
            unseen.rewrite(kind(target), kind(name).read_text())

    def pem(self, name):
        return self.folder / f"{name}.pem"

    def key(self, name):
        return self.folder / f"{name}.key"

    @staticmethod
    def run(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def s_client(port, *options, typed="", seconds=60):
    """What `openssl s_client` says; `typed` goes in, and then it is left alone until the server ends or time is up."""
    command = ["timeout", str(seconds), "openssl", "s_client", "-connect", f"127.0.0.1:{port}", *map(str, options)]
    ran = subprocess.run(command, input=typed, capture_output=True, text=True, errors="replace")
    return ran.stdout + ran.stderr
