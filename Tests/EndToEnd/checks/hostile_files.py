"""Hostile files on the command line: exit 65 or 66 in seconds, one line that says why, nothing run or left."""

import concurrent.futures
import os
import re

from support.harness import SHARED, check, finish, group, need, note, scratch, shown, skip

need("hostile files", "numpy")

from support import archives, features, hostile, pickles, towers  # noqa: E402
from support.process import run  # noqa: E402

SECONDS, MEBIBYTES = 10, 400
folder = scratch()
canary = folder / "canary"
worst = {"cpu": (0, ""), "rss": (0, "")}
tried = 0


def faults(ran, left, says):
    """What is wrong with how a command ended; the embedded model's caveat may be said first."""
    ran.err = re.sub(r"^vigil: model '[^']*': demo, .*\n", "", ran.err)
    if ran.code is None or ran.cpu > SECONDS:
        yield f"does not end within {SECONDS} s of a core"
    elif ran.code not in (65, 66):
        yield f"exit {ran.code}"
    if ran.err.count("\n") != 1:
        yield f"{ran.err.count(chr(10))} lines on stderr"
    if len(ran.err) > 1000:
        yield f"an error of {len(ran.err)} bytes"
    if any(ord(c) < 32 and c != "\n" for c in ran.err):
        yield "control characters in the error"
    if says.lower() not in ran.err.lower():
        yield f"does not say {says!r}"
    if ran.out and ran.code:
        yield "something on stdout"
    if ran.rss > MEBIBYTES:
        yield f"{ran.rss:.0f} MiB resident"
    if left:
        yield f"left {left}"
    if canary.exists():
        canary.unlink()
        yield "RAN THE CANARY"


def refuses(name, arguments, says=""):
    """Runs a command that must refuse what it is given."""
    global tried
    tried += 1
    before = set(os.listdir(folder))
    ran = run(*arguments, cwd=folder)
    judge(name, arguments, ran, sorted(set(os.listdir(folder)) - before - {"canary"}), says)


def judge(name, arguments, ran, left=(), says=""):
    """Looks at how a command that had to refuse ended."""
    found = list(faults(ran, left, says))
    for key in worst:
        worst[key] = max(worst[key], (round(getattr(ran, key), 2), f"{arguments[0]} {name}"))
    check(f"{arguments[0]}: {name}", not found, f"{'; '.join(found)} | {shown(ran.last)}")


def file(data, name="hostile"):
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


def commands(path, *names):
    known = {
        "import": ["import", path, "--output", folder / "out.safetensors"],
        "inspect": ["inspect", path],
        "score": ["score", path],
        "serve": ["serve", "--port", "0", "--model", path],
    }
    return [known[name] for name in names]


os.mkfifo(folder / "fifo")
# A FIFO is waited for some seconds, and others are tried meanwhile.
pool = concurrent.futures.ThreadPoolExecutor()
waiting = [
    (command, pool.submit(run, *command, cwd=folder))
    for command in commands(folder / "fifo", "import", "inspect", "score", "serve")
]

with group("checkpoints"):
    # Consistent tensors that only aren't VadCLIP's are shown by inspect, and rightly.
    for number, (name, data) in enumerate(hostile.checkpoints(canary)):
        path = file(data, "hostile.pth")
        for command in commands(path, "import", "inspect", *(("score", "serve") if number % 7 == 0 else ())):
            refuses(name, command)
    (folder / "hostile.pth").unlink()

with group("safetensors"):
    for name, data in hostile.safetensors():
        path = file(data, "hostile.safetensors")
        for command in commands(path, "import", "inspect", "score", "serve"):
            refuses(name, command)
    # Hugging Face keeps in three tensors what is one here. Its header alone is right to be shown.
    path = file(features.safetensors(hostile.hugging_face(2**62)), "hostile.safetensors")
    refuses("more rows together than can be counted", commands(path, "import")[0])
    (folder / "hostile.safetensors").unlink()

with group("models"):
    for name, data, says in hostile.models():
        path = file(data, "model.safetensors")
        refuses(f"model with {name}", commands(path, "serve")[0], says)
    refuses("a model in place of features", commands(path, "score")[0])
    (folder / "model.safetensors").unlink()

with group("features"):
    for name, called, data in hostile.arrays():
        path = file(data, called)
        refuses(name, [*commands(path, "score")[0]])
        # Tensors that are no features are shown by inspect, and rightly.
        if name != "safetensors without features":
            refuses(name, [*commands(path, "inspect")[0], "--width", "64"])
        path.unlink()
    # What is in it is shown by inspect without its numbers.
    few = pickles.state({"features": pickles.tensor(count=128 << 20, shape=(40, 64), strides=(64, 1))})
    path = file(archives.checkpoint(few, {"data/0": bytes(512 << 20)}, method=8), "a.pt")
    refuses("a torch.save of 10 KB out of a compressed storage of 512 MiB", commands(path, "score")[0])
    path.unlink()

with group("what is no file"):
    (folder / "folder").mkdir()
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "nowhere").symlink_to(folder / "absent")
    (folder / "to-zero").symlink_to("/dev/zero")
    for size, name, start in (
        (1 << 42, "sparse.pth", b"PK\3\4"),
        (1 << 42, "sparse.npy", b"\x93NUMPY\1\0v\0"),
        (1 << 42, "sparse.bin", b"1234"),
        (1 << 36, "sparse.safetensors", b"\xff\0\0\0\0\0\0\0{"),
    ):
        with open(folder / name, "wb") as sparse:
            sparse.write(start)
            sparse.truncate(size)
    for name in (
        "folder",
        "circle",
        "nowhere",
        "to-zero",
        "absent",
        "a/b/c",
        "sparse.pth",
        "sparse.npy",
        "sparse.bin",
        "sparse.safetensors",
    ):
        for command in commands(folder / name, "import", "inspect", "score", "serve"):
            refuses(f"{name}", command)
    for command in commands("/dev/zero", "import", "inspect", "score", "serve"):
        refuses("/dev/zero", command)
    for command, ran in waiting:
        judge("fifo", command, ran.result())

with group("sums that overflow"):
    huge = pickles.tensor(shape=(2**62,), strides=(0,))
    refuses(
        "three tensors of 2^62 elements",
        commands(file(archives.checkpoint(pickles.state({"a": huge, "b": huge, "c": huge})), "huge.pth"), "inspect")[0],
    )
    path = file(features.safetensors({"x": ("F32", [2**40, 2**40, 0], b"")}), "huge.safetensors")
    for command in commands(path, "import", "score", "serve"):
        refuses("a tensor of 2^40 by 2^40 by 0", command)
    # Whether inspect shows it or refuses it, it must not crash.
    ran = run("inspect", path)
    check("inspect: a tensor of 2^40 by 2^40 by 0", ran.code in (0, 65), f"exit {ran.code}: {shown(ran.err)}")
    path = file(b"0" * 512, "rows.bin")
    ran = run("inspect", path, "--width", "99999999999")
    check("inspect: a width beyond reason", ran.code in (64, 65), f"exit {ran.code}: {shown(ran.err)}")

if SHARED.is_dir():
    with group("checkpoints that are nearly right"):
        for name, change, configuration, says in towers.changes():
            refuses(name, commands(towers.write(folder / "near.pth", change, **configuration), "import")[0], says)
        for width in (8192, 4096, 1024):
            refuses(
                f"kilobytes expanded to width {width}",
                commands(file(towers.expanded(width, 1024), "near.pth"), "import")[0],
            )
    with group("models with a text tower"):
        tensors, metadata = towers.with_tower(folder)
        (folder / "x.npy").write_bytes(features.npy(features.video(10)))
        for changed in towers.settings():
            path = file(features.safetensors(tensors, metadata | changed), "tower.safetensors")
            refuses(
                f"prompt {' '.join(changed.values())}",
                ["score", folder / "x.npy", "--labels", "normal,fire", "--model", path],
            )
        for data in (b"", b"hello", b"\n" * 60_000, b"\xff" * 1000):
            merges = {"tokenizer.merges": ("U8", [len(data)], data)}
            path = file(features.safetensors(tensors | merges, metadata), "tower.safetensors")
            refuses(f"merges {data[:5]}", ["score", folder / "x.npy", "--labels", "normal,fire", "--model", path])
    with group("vocabularies"):
        # Never a real device as an output: whoever is root would lose it.
        good = towers.write(folder / "tiny.pth")
        for name, data in (
            ("text", b"hello\nworld\n"),
            ("nothing", b""),
            ("a bomb", archives.gzip_bomb(500 << 20)),
            ("cut gzip", towers.VOCABULARY.read_bytes()[:5000]),
        ):
            refuses(
                f"a vocabulary of {name}",
                [*commands(good, "import")[0], "--labels", "normal,foo", "--vocab", file(data, "vocab")],
                "vocab",
            )
    with group("outputs"):
        for name, output in (
            ("a FIFO", "fifo"),
            ("a folder", "folder"),
            ("the checkpoint itself", "tiny.pth"),
            ("a link to the checkpoint", "same.pth"),
        ):
            if not (folder / "same.pth").exists():
                (folder / "same.pth").symlink_to(folder / "tiny.pth")
            before = os.lstat(folder / output), os.path.getsize(good)
            ran = run("import", good, "--output", folder / output)
            after = os.lstat(folder / output), os.path.getsize(good)
            kept = before[0].st_mode == after[0].st_mode and before[1] == after[1]
            check(
                f"{name} as the output is refused and stays",
                ran.code not in (0, None, -6, -4) and kept and ran.err.count("\n") == 1,
                f"exit {ran.code}, mode {after[0].st_mode:o} was {before[0].st_mode:o}: {shown(ran.err)}",
            )
            if not kept:
                good = towers.write(folder / "tiny.pth")
        check("no temporary file is left", not [one for one in os.listdir(folder) if one.endswith(".tmp")])
else:
    skip("checkpoints that are nearly right", "needs ../shared")

note(f"{tried} runs; slowest {worst['cpu']}, largest in MiB {worst['rss']}")
check("nothing was executed", not canary.exists())
check("nothing was written outside", not any(map(os.path.exists, ("/tmp/vigil-escaped", "/tmp/vigil-npy"))))
finish()
