"""Hostile uploads: their status and problem+json within seconds, and a service as fast and small as before."""

import time

from support.harness import check, finish, group, need, note, pace, scratch, shown

need("hostile uploads", "numpy", "requests")

import requests  # noqa: E402

from support import features, hostile  # noqa: E402
from support.process import Server  # noqa: E402

TYPES = {
    "npy": "application/x-npy",
    "safetensors": "application/vnd.safetensors",
    "json": "application/json",
    "bin": "application/octet-stream",
}
canary = scratch() / "canary"


def speed(server, count=100):
    """Milliseconds of a core that a waited score takes the server."""
    body, begun = features.npy(features.video(30)), server.cpu()
    with requests.Session() as session:
        for _ in range(count):
            answer = session.post(server.url + "/score", body, headers={"Prefer": "wait=60"})
            assert answer.status_code == 200, answer.text
    return (server.cpu() - begun) / count * 1000


def settled(server, most):
    """The descriptors once they are at most so many, or those that stay: connections are closed when it gets to it."""
    end = time.monotonic() + 60
    while (found := server.descriptors()) > most and time.monotonic() < end:
        time.sleep(0.05)
    return found


def refused(server, name, data, headers):
    begun = server.cpu()
    try:
        answer = requests.post(server.url + "/score", data=data, headers=headers, timeout=600)
    except requests.RequestException as error:
        check(name, False, repr(error))
        return
    seconds = server.cpu() - begun
    kind = answer.headers.get("Content-Type", "")
    faults = []
    if answer.status_code not in (400, 413, 415, 422):
        faults.append(f"status {answer.status_code}")
    if kind != "application/problem+json":
        faults.append(f"Content-Type {kind!r}")
    else:
        problem = answer.json()
        if (
            problem["status"] != answer.status_code
            or not problem["detail"]
            or not problem["type"].startswith("/problems/")
        ):
            faults.append("an incomplete problem")
        if len(problem["detail"]) > 1000:
            faults.append(f"a detail of {len(problem['detail'])} characters")
    if seconds > 40 * pace():
        faults.append(f"{seconds:.1f} s of a core")
    check(name, not faults, f"{'; '.join(faults)} | {shown(answer.text)}")


with Server() as server:
    before = speed(server), server.rss(), server.descriptors()
    with group("uploads"):
        for name, called, data in hostile.arrays():
            kind = TYPES[called.split(".")[1]]
            refused(server, name, data, {"Content-Type": kind})
            if len(data) < 1_000_000:
                body, form = features.multipart(data, called)
                refused(server, f"{name}, in a form", body, {"Content-Type": form})
    with group("checkpoints as uploads"):
        for number, (name, data) in enumerate(hostile.checkpoints(canary)):
            if number % 3 == 0 and data:
                refused(server, f"{name}, as npy", data, {"Content-Type": "application/x-npy"})
                refused(server, f"{name}, as bytes", data, {"Content-Type": "application/octet-stream"})
    with group("forms"):
        good, kind = features.multipart(features.npy(features.video(3)))
        boundary = kind.split("=")[1].encode()
        plain = b"Content-Disposition: form-data; name="
        for name, body, head in (
            ("a form that ends in its file", good[:-40], kind),
            ("a form without its last boundary", good.replace(boundary + b"--", boundary), kind),
            ("a form of another boundary", good, "multipart/form-data; boundary=other"),
            ("a form without a boundary", good, "multipart/form-data"),
            ("a boundary of 300 letters", good, "multipart/form-data; boundary=" + "x" * 300),
            ("a form with no part", b"--x--\r\n", "multipart/form-data; boundary=x"),
            (
                "a hundred thousand parts",
                (b"--x\r\n" + plain + b'"a"\r\n\r\n\r\n') * 100_000 + b"--x--\r\n",
                "multipart/form-data; boundary=x",
            ),
            (
                "a part with a head of ten megabytes",
                b"--x\r\nA: " + b"y" * 10_000_000,
                "multipart/form-data; boundary=x",
            ),
            (
                "a field of ten megabytes",
                b"--x\r\n" + plain + b'"fps"\r\n\r\n' + b"1" * 10_000_000 + b"\r\n--x--\r\n",
                "multipart/form-data; boundary=x",
            ),
            (
                "a form without the file",
                b"--x\r\n" + plain + b'"fps"\r\n\r\n30\r\n--x--\r\n',
                "multipart/form-data; boundary=x",
            ),
        ):
            refused(server, name, body, {"Content-Type": head})
    # By turns with one that was sent nothing bad, and the least of each: another process may take a core's cache or clock meanwhile.
    with Server() as innocent:
        samples = [(speed(innocent), speed(server)) for _ in range(4)]
    fresh = min(sample[0] for sample in samples[1:])
    after = min(sample[1] for sample in samples), server.rss(), settled(server, before[2] + 2)
    note(
        f"before: {before[0]:.2f} ms, {before[1]:.1f} MiB, {before[2]} descriptors; "
        f"after: {after[0]:.2f} ms, {after[1]:.1f} MiB, {after[2]} descriptors"
    )
    check("the service lives", server.alive() and requests.get(server.url + "/readyz", timeout=60).status_code == 200)
    check("as fast as one that had none of it", after[0] < 2 * fresh + 1, f"{fresh:.2f} ms, this one {after[0]:.2f} ms")
    check("as small as before", after[1] < before[1] + 64, f"{before[1]:.0f} MiB, then {after[1]:.0f} MiB")
    check("no descriptor leaked", after[2] <= before[2] + 2, f"{before[2]}, then {after[2]}")
check("nothing was executed", not canary.exists())
finish()
