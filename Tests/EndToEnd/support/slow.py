"""The embedded model made slow: its scores are the same, and a job takes as long as a check needs it to."""

import os
import pathlib

from support import features
from support.harness import ROOT, scratch

BLOCK = "temporal.resblocks."


def model(layers=64):
    """The path of a model file that scores as the embedded one, with so many layers of which all but two change nothing.

    What a check needs to be running while it looks around is a job of this one: it is short to send, lasts longer than any
    machine takes to look, and ends at the next chunk once it is cancelled."""
    path = pathlib.Path(os.environ.get("E2E_SHARED") or scratch()) / f"slow-{layers}.safetensors"
    if not path.exists():
        tensors, metadata = features.read_safetensors((ROOT / "Sources/CResources/demo.safetensors").read_bytes())
        first = {name: one for name, one in tensors.items() if name.startswith(f"{BLOCK}1.")}
        for layer in range(2, layers):
            for name, (kind, shape, data) in first.items():
                # What a layer adds to its input is nothing.
                nothing = "out_proj" in name or "c_proj" in name
                tensors[name.replace("1.", f"{layer}.", 1)] = (kind, shape, bytes(len(data)) if nothing else data)
        own = path.with_suffix(f".{os.getpid()}")
        own.write_bytes(features.safetensors(tensors, metadata))
        own.rename(path)
    return path


def beside():
    """Options of a server whose jobs are as quick as ever, but for those that ask for `?model=slow`."""
    return "--model", f"tiny={ROOT / 'Sources/CResources/demo.safetensors'}", "--model", f"slow={model()}"


def only():
    """Arguments of a server all of whose jobs are slow."""
    return {"model": model(), "env": {"VIGIL_KERNELS": "portable"}}
