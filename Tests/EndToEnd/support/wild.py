"""Checkpoints as other tools leave them: weights in any container, beside any values, without PyTorch."""

import io
import pickle
import sys
import types

import numpy as np

from support import archives


def _stand_in(module, name, value):
    value.__module__, value.__qualname__, value.__name__ = module, name, name
    return value


def _storage(name):
    return _stand_in("torch", name, type(name, (), {}))


KINDS = {"f4": _storage("FloatStorage"), "i1": _storage("CharStorage"), "c8": _storage("ComplexFloatStorage")}
REBUILD = _stand_in("torch._utils", "_rebuild_tensor_v2", lambda *arguments: None)


class Foreign:
    """A call of a function that is not there when the file is read."""

    def __init__(self, module, name, *arguments, state=None):
        self.called = (module, name)
        self.parts = (arguments, state)

    def __reduce__(self):
        module, name = self.called
        parts = module.split(".")
        for count in range(1, len(parts) + 1):
            sys.modules.setdefault(".".join(parts[:count]), types.ModuleType(parts[count - 1]))
        function = getattr(sys.modules[module], name, None)
        if function is None:
            function = _stand_in(module, name, lambda *arguments: None)
            setattr(sys.modules[module], name, function)
        arguments, state = self.parts
        return (function, arguments) if state is None else (function, arguments, state)


class _Key:
    def __init__(self, kind, key, count):
        self.id = ("storage", kind, key, "cpu", count)


class Tensor:
    """An array that is pickled as a tensor is."""

    def __init__(self, array):
        self.array = np.ascontiguousarray(array).reshape(np.shape(array))


def checkpoint(root, protocol=2):
    """The file of `root`, whose tensors are `Tensor`."""
    storages = {}
    old = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for kind in KINDS.values():
        setattr(torch, kind.__name__, kind)
    torch._utils, utils._rebuild_tensor_v2 = utils, REBUILD
    sys.modules.update({"torch": torch, "torch._utils": utils})

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return value.id if isinstance(value, _Key) else None

        def reducer_override(self, value):
            if not isinstance(value, Tensor):
                return NotImplemented
            array, key = value.array, str(len(storages))
            storages[f"data/{key}"] = array.tobytes()
            strides = tuple(step // array.itemsize for step in array.strides)
            storage = _Key(KINDS[array.dtype.str[1:]], key, array.size)
            return REBUILD, (storage, 0, array.shape, strides, False, {})

    out = io.BytesIO()
    try:
        Pickler(out, protocol).dump(root)
    finally:
        for name, module in old.items():
            sys.modules.pop(name) if module is None else sys.modules.update({name: module})
    return archives.checkpoint(out.getvalue(), storages)


def tensors(state, prefix=""):
    """A state dict of arrays as one of tensors, with `prefix` before every name."""
    return {prefix + name: Tensor(value) for name, value in state.items()}
