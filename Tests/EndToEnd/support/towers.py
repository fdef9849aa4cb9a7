"""Checkpoints and models that are nearly VadCLIP's; needs ../shared/golden for their names and shapes."""

import sys

import numpy as np

from support import archives, features, pickles
from support.harness import SHARED
from support.process import run

VOCABULARY = SHARED / "data/bpe_simple_vocab_16e6.txt.gz"


def golden():
    sys.path.insert(0, str(SHARED / "golden"))
    import make_checkpoint

    return make_checkpoint


def write(path, change=lambda state: None, **config):
    """The tiny checkpoint with another configuration, or with tensors changed."""
    make = golden()
    make.CONFIGS["changed"] = dict(make.CONFIGS["tiny"], **config)
    state = make.state("changed", 1)
    change(state)
    make.write_pth(path, state)
    return path


def expanded(width, length):
    """Kilobytes that say they are gigabytes: every tensor is one storage of four numbers with stride 0."""
    make = golden()
    make.CONFIGS["expanded"] = dict(make.CONFIGS["tiny"], width=width, length=length)
    tensors = {}
    for name, (shape, _, _) in make.shapes(make.CONFIGS["expanded"]).items():
        if ".visual." not in name:
            shape = (64, width) if name.endswith("text_projection") else shape
            tensors[name] = pickles.tensor(count=4, shape=shape, strides=(0,) * len(shape))
    return archives.checkpoint(pickles.state(tensors), {"data/0": bytes.fromhex("0000803c") * 4})


def changes():
    """(name, change of the state, configuration, part of the error): checkpoints that can't be imported."""

    def without(name):
        return lambda state: state.pop(name)

    def shaped(name, *shape):
        return lambda state: state.update({name: np.zeros(shape, "f4")})

    def filled(value, *names):
        def change(state):
            for name in names or list(state):
                state[name] = np.full_like(state[name], value)

        return change

    same = lambda state: None  # noqa: E731
    clip = "clipmodel."
    yield "a text tower of width 32", same, {"clip_width": 32}, "text_projection"
    yield "a text tower of width 100", same, {"clip_width": 100}, "text_projection"
    yield "ten tokens in all", same, {"vocab": 10}, "token"
    yield "room for 20 tokens", same, {"context": 20}, "context"
    yield "an odd width", same, {"width": 63}, "width"
    yield "three layers", same, {"layers": 3}, "layers"
    yield "no prompt", without("text_prompt_embeddings.weight"), {}, "text_prompt_embeddings.weight"
    yield "a prompt of another length", shaped(
        "text_prompt_embeddings.weight", 10, 64
    ), {}, "text_prompt_embeddings.weight"
    yield "positions of one dimension", shaped(clip + "positional_embedding", 77), {}, "positional_embedding"
    yield "an empty projection", shaped(clip + "text_projection", 64, 0), {}, "text_projection"
    yield "no classifier", without("classifier.weight"), {}, "classifier.weight"
    yield "a transposed convolution", shaped("gc1.residual.weight", 5, 64, 32), {}, "gc1.residual.weight"
    yield "no text tower", without(clip + "token_embedding.weight"), {}, "token_embedding"
    yield "NaN in the text tower", filled(np.nan, clip + "token_embedding.weight"), {}, "finite"
    yield "infinity in a weight", filled(np.inf, "gc1.weight"), {}, "finite"
    yield "weights of 1e38", filled(1e38), {}, "finite"
    yield "weights of 0", filled(0), {}, "finite"


def settings():
    """Metadata of a model with a text tower that can't be."""
    for prefix, postfix in (
        (2**63 - 1, 10),
        (10, 2**63 - 1),
        (-(2**63), 10),
        (-5, 10),
        (10, -20),
        (-11, -11),
        (70, 10),
        (2**64, 10),
    ):
        yield {"prompt_prefix": str(prefix), "prompt_postfix": str(postfix)}


def with_tower(folder):
    """(tensors, metadata) of the tiny model with its text tower."""
    output = folder / "tower.safetensors"
    ran = run("import", write(folder / "tiny.pth"), "--output", output, "--keep-text-tower", "--vocab", VOCABULARY)
    assert ran.code == 0, ran.err
    return features.read_safetensors(output.read_bytes())
