#!/usr/bin/env python3
"""Writes CLIP of make_checkpoint.py's seeded weights as others keep it. Needs numpy, and that script's folder in PYTHONPATH.

    clip_files.py --config tiny-script|tiny-bin|tiny-safetensors --seed N --out FILE

`script` is a TorchScript archive as openai/CLIP's ViT-B-16.pt: a module's attributes in float16, beside them a program that
would end whatever ran it. `bin` and `safetensors` have the names of a CLIPModel of Hugging Face.
"""
import argparse
import io
import json
import pickle
import struct
import sys
import types
import zipfile

import numpy as np

import make_checkpoint as mk

CLIP = "clipmodel."


def write_script(path, tensors):
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    storage = type("HalfStorage", (), {"__module__": "torch"})
    def _rebuild_tensor_v2(*a): ...
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    torch._utils, torch.HalfStorage, utils._rebuild_tensor_v2 = utils, storage, _rebuild_tensor_v2
    script = types.ModuleType("__torch__")
    sys.modules.update({"torch": torch, "torch._utils": utils, "__torch__": script})

    class Module: pass
    Module.__module__, Module.__qualname__, script.Module = "__torch__", "Module", Module

    class Key:
        def __init__(self, key, count): self.key, self.count = key, count

    class Tensor:
        def __init__(self, key, a): self.key, self.a = key, a
        def __reduce__(self):
            stride, strides = 1, []
            for n in reversed(self.a.shape):
                strides.insert(0, stride)
                stride *= n
            return (_rebuild_tensor_v2, (Key(self.key, self.a.size), 0, tuple(self.a.shape), tuple(strides), True, {}))

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return ("storage", storage, obj.key, "cuda:0", obj.count) if isinstance(obj, Key) else None

    root, data = Module(), []
    for name, a in tensors.items():
        at = root
        *path_, last = name.split(".")
        for part in path_:
            if part not in at.__dict__: at.__dict__[part] = Module()
            at = at.__dict__[part]
        at.__dict__["training"] = False
        at.__dict__[last] = Tensor(str(len(data)), a)
        data.append(a.astype(np.float16))
    body = io.BytesIO()
    Pickler(body, protocol=2).dump(root)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as z:
        for i, a in enumerate(data): z.writestr(f"ViT/data/{i}", a.tobytes())
        z.writestr("ViT/data.pkl", body.getvalue())
        z.writestr("ViT/code/__torch__.py", "import os\nos._exit(99)\n")
        z.writestr("ViT/constants.pkl", pickle.dumps(()))
        z.writestr("ViT/version", b"3\n")


def hugging_face(tensors):
    out = {}
    plain = {"class_embedding": "embeddings.class_embedding", "conv1.weight": "embeddings.patch_embedding.weight",
             "positional_embedding": "embeddings.position_embedding.weight"}
    parts = {"attn.out_proj": "self_attn.out_proj", "ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1",
             "mlp.c_proj": "mlp.fc2"}
    for name, a in tensors.items():
        if not name.startswith("visual."):
            out["text_model." + name] = a
            continue
        name = name[len("visual."):]
        if name == "proj":
            out["visual_projection.weight"] = np.ascontiguousarray(a.T)
        elif name in plain:
            out["vision_model." + plain[name]] = a
        elif name.startswith("ln_"):
            out["vision_model." + name.replace("ln_pre", "pre_layrnorm").replace("ln_post", "post_layernorm")] = a
        else:
            _, _, layer, rest = name.split(".", 3)
            prefix = f"vision_model.encoder.layers.{layer}."
            if rest.startswith("attn.in_proj_"):
                for part, piece in zip("qkv", np.split(a, 3)):
                    out[f"{prefix}self_attn.{part}_proj.{rest[len('attn.in_proj_'):]}"] = piece
            else:
                part, kind = rest.rsplit(".", 1)
                out[f"{prefix}{parts[part]}.{kind}"] = a
    return out


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, a in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for a in tensors.values(): f.write(np.ascontiguousarray(a).tobytes())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--config", required=True)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--out", required=True)
    a = p.parse_args()
    config, kind = a.config.split("-")
    state = {n[len(CLIP):]: x for n, x in mk.state(config, a.seed).items() if n.startswith(CLIP)}
    if kind == "script":
        write_script(a.out, state)
    elif kind == "bin":
        mk.write_pth(a.out, hugging_face(state))
    else:
        write_safetensors(a.out, hugging_face(state))


if __name__ == "__main__":
    main()
