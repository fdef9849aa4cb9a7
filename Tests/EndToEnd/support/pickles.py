"""Pickles by hand: those that run something when a careless reader loads them, and those that only confuse."""

import os
import pickle
import struct
import subprocess


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def tuple_of(*items):
    return b"(" + b"".join(items) + b"t"


def found(module, name):
    return f"c{module}\n{name}\n".encode()


def storage(key="0", count=4, kind="FloatStorage"):
    return tuple_of(text("storage"), found("torch", kind), text(key), text("cpu"), number(count)) + b"Q"


def tensor(key="0", count=4, offset=0, shape=(4,), strides=(1,), kind="FloatStorage"):
    return (
        found("torch._utils", "_rebuild_tensor_v2")
        + tuple_of(
            storage(key, count, kind),
            number(offset),
            tuple_of(*map(number, shape)),
            tuple_of(*map(number, strides)),
            b"\x89",
            found("collections", "OrderedDict") + b")R",
        )
        + b"R"
    )


def state(tensors):
    """A state dict of name to pickled value."""
    return (
        b"\x80\x02"
        + found("collections", "OrderedDict")
        + b")R("
        + b"".join(text(name) + value for name, value in tensors.items())
        + b"u."
    )


class Calls:
    """Pickles to a call of `function`."""

    def __init__(self, function, *arguments):
        self.parts = (function, arguments)

    def __reduce__(self):
        return self.parts


def executing(canary):
    """(name, pickle): each would make the file `canary` if anything in it were run."""
    command = f"touch {canary}"
    short = command.encode()
    for protocol in range(6):
        yield f"os.system by protocol {protocol}", pickle.dumps(Calls(os.system, command), protocol)
    yield "builtins.eval", pickle.dumps(Calls(eval, f"__import__('os').system('{command}')"), 2)
    yield "builtins.exec", pickle.dumps(Calls(exec, f"import os; os.system('{command}')"), 4)
    yield "subprocess.Popen", pickle.dumps(
        Calls(subprocess.Popen, command, 0, None, None, None, None, None, True, True), 2
    )
    yield "subprocess.check_output", pickle.dumps(Calls(subprocess.check_output, ["touch", str(canary)]), 4)
    yield "os.system by GLOBAL, text arguments", b"cos\nsystem\n(S'" + short + b"'\ntR."
    yield "posix.system by STACK_GLOBAL", b"\x80\x04\x8c\x05posix\x8c\x06system\x93" + text(command) + b"\x85R."
    yield "os.system by INST", b"(S'" + short + b"'\nios\nsystem\n."
    yield "os.system by OBJ", b"(cos\nsystem\nS'" + short + b"'\no."
    yield "os.system by NEWOBJ", b"\x80\x02cos\nsystem\n" + text(command) + b"\x85\x81."
    yield "os.system by NEWOBJ_EX", b"\x80\x04cos\nsystem\n" + text(command) + b"\x85}\x92."
    yield "os.system by BUILD with __setstate__", (
        b"\x80\x02"
        + found("collections", "OrderedDict")
        + b")R}"
        + text("__setstate__")
        + b"cos\nsystem\nsb"
        + text(command)
        + b"b."
    )
    yield "os.system from a memo", b"\x80\x02cos\nsystem\nq\x000h\x00" + text(command) + b"\x85R."
    yield "an extension code", b"\x80\x02\x82\x01" + text(command) + b"\x85R."
    yield "getattr of an allowed module", (
        b"\x80\x02" + found("builtins", "getattr") + found("torch", "FloatStorage") + text("__init__") + b"\x86R."
    )
    yield "a nested name of torch", b"\x80\x04\x8c\x05torch\x8c\x09os.system\x93" + text(command) + b"\x85R."
    yield "torch.load within", b"\x80\x02" + found("torch", "load") + text("/etc/passwd") + b"\x85R."
    yield "torch.storage._load_from_bytes", b"\x80\x02" + found("torch.storage", "_load_from_bytes") + text(
        "x"
    ) + b"\x85R."
    yield "os.system beside good tensors", state(
        {"frame_position_embeddings.weight": tensor(), "extra": b"cos\nsystem\n" + text(command) + b"\x85R"}
    )
    yield "os.system in a persistent id", (
        b"\x80\x02"
        + tuple_of(text("storage"), b"cos\nsystem\n" + text(command) + b"\x85R", text("0"), text("cpu"), number(4))
        + b"Q."
    )
    yield "os.system as the metadata", (
        b"\x80\x02"
        + found("collections", "OrderedDict")
        + b")R}"
        + text("_metadata")
        + b"cos\nsystem\n"
        + text(command)
        + b"\x85Rsb."
    )


def confusing():
    """(name, pickle): no well-formed state dict, or one that costs far more than its bytes."""
    million = 1_000_000
    yield "an empty pickle", b""
    yield "no STOP", b"\x80\x02}"
    yield "a pickle of protocol 9", b"\x80\x09}."
    yield "an unknown opcode", b"\x80\x02\xff."
    yield "POP of nothing", b"\x80\x020."
    yield "a tuple without a mark", b"\x80\x02t."
    yield "SETITEM on a number", b"\x80\x02K\x01K\x02K\x03s."
    yield "a get of what was never put", b"\x80\x02h\x07."
    yield "a list that holds itself", b"\x80\x02]q\x00h\x00a."
    yield "a dict under model_state_dict that is itself", b"\x80\x02}q\x00" + text("model_state_dict") + b"h\x00s."
    yield "a million nested tuples", b"\x80\x02N" + b"\x85" * million + b"."
    yield "a million nested lists", b"\x80\x02" + b"]" * million + b"a" * (million - 1) + b"."
    yield "a million marks", b"\x80\x02" + b"(" * million + b"."
    yield "ten million DUPs", b"\x80\x02N" + b"2" * 10_000_000 + b"."
    yield "ten million memoized values", b"\x80\x04N" + b"\x94" * 10_000_000 + b"."
    yield "a memo index of four billion", b"\x80\x02Nr\xff\xff\xff\xff."
    yield "five million empty lists", b"\x80\x02" + b"]" * 5_000_000 + b"."
    yield "a text of 2^63 bytes", b"\x80\x04\x8d" + struct.pack("<Q", 2**63) + b"x."
    yield "bytes of 2^40 bytes", b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x."
    yield "a bytearray of 2^64-1 bytes", b"\x80\x05\x96" + b"\xff" * 8 + b"x."
    yield "a negative LONG4", b"\x80\x02\x8b" + struct.pack("<i", -5) + b"."
    yield "a LONG4 of two gigabytes", b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"\x01."
    yield "a frame longer than the file", b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"}."
    yield "an integer of a million digits", b"I" + b"9" * million + b"\n."
    yield "text that is no UTF-8", b"\x80\x02X\x02\x00\x00\x00\xff\xfe."
    yield "a line that never ends", b"cos" + b"x" * million
    yield "doubling by BUILD", b"\x80\x02]" + b"q\x00(h\x00h\x00e" * 200_000 + b"."
    yield "a root that is a number", b"\x80\x02K\x05."
    yield "an empty dict", b"\x80\x02}."


def misdescribed():
    """(name, value): tensors whose description does not fit a storage '0' of 16 bytes."""
    yield "a negative stride", tensor(shape=(2, 2), strides=(-2, 1))
    yield "a negative offset", tensor(offset=-1)
    yield "a negative length", tensor(shape=(-4,))
    yield "an offset beyond the storage", tensor(offset=3)
    yield "a shape whose product overflows", tensor(shape=(2**40, 2**40), strides=(1, 1))
    yield "a shape of 2^62 by stride 0", tensor(shape=(2**62,), strides=(0,))
    yield "a stride that overflows", tensor(shape=(3, 2), strides=(2**62, 1))
    yield "an offset of 2^63", tensor(offset=2**63)
    yield "a storage shorter than it claims", tensor(count=2**20, shape=(2**20,))
    yield "a storage of 2^61 elements", tensor(count=2**61, shape=(2**61,))
    yield "a storage that is not there", tensor(key="77")
    yield "a storage called ../../etc/passwd", tensor(key="../../../../etc/passwd")
    yield "a storage called data.pkl", tensor(key="../data.pkl")
    yield "more strides than lengths", tensor(shape=(4,), strides=(1, 1))
    yield "a hundred thousand axes", tensor(shape=(1,) * 100_000, strides=(1,) * 100_000)
    yield "a tensor of texts", (
        found("torch._utils", "_rebuild_tensor_v2") + tuple_of(text("a"), text("b"), text("c"), text("d")) + b"R"
    )
    yield "a tensor rebuilt of nothing", found("torch._utils", "_rebuild_tensor_v2") + b")R"
    yield "a complex storage", tensor(kind="ComplexFloatStorage")


def shared_modules():
    """(name, pickle): modules that have one dictionary of attributes in common."""

    def modules(count, item, before=b""):
        return (
            b"\x80\x02" + text("") + b"q\x000" + before + b"}q\x01(" + item * count
            + b"u0c__torch__\nM\nq\x020)q\x030h\x02h\x03\x81}(" + b"h\x00h\x02h\x03\x81h\x01b" * count + b"ub."
        )

    yield "450,000 modules with the same 450,000 attributes", modules(450_000, b"h\x00h\x00")
    yield "2,800 modules with the same 2,800 tensors", modules(2_800, b"h\x00h\x04", tensor() + b"q\x040")
