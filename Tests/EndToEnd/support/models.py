"""Model files that differ: checkpoints of other seeds, imported."""

import hashlib
import json
import subprocess
import sys

from support.harness import SHARED, equal, scratch
from support.process import run


class Model:
    """A checkpoint of this seed, imported; all have the same name and shape."""

    def __init__(self, seed):
        self.checkpoint, self.path = scratch() / "tiny.pth", scratch() / "tiny.safetensors"
        maker = [sys.executable, SHARED / "golden/make_checkpoint.py", "--config", "tiny"]
        subprocess.run([*maker, "--seed", str(seed), "--out", self.checkpoint], check=True)
        equal(f"import of seed {seed}", run("import", self.checkpoint, "--output", self.path).code, 0)
        self.sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()

    def scores(self, body):
        """What `vigil score` makes of a body."""
        file = scratch() / "body.npy"
        file.write_bytes(body)
        result = json.loads(run("score", "--format", "json", "--model", self.path, file, timeout=60).out)
        return result.get("result", result)["coarse"]

    def put(self, path):
        """Puts it in the place of a file in one step."""
        new = path.with_name(f".{path.name}.new")
        new.write_bytes(self.path.read_bytes())
        new.rename(path)
