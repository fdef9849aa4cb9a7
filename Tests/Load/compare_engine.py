"""The engine's part of compare.sh: milliseconds a video, by length and threads, all interleaved in one run."""

import json
import statistics
import subprocess
import sys
import time

import numpy as np

vigil, work, shared, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
sys.path.insert(0, shared + "/golden")
import make_checkpoint  # noqa: E402

LENGTH = 256


def chunks(features):
    """A video as the exported graph takes it: chunks of 256 rows, the last one padded, each with its count."""
    for at in range(0, len(features), LENGTH):
        part = features[at : at + LENGTH]
        padded = np.zeros((1, LENGTH, features.shape[1]), np.float32)
        padded[0, : len(part)] = part
        yield padded, np.array(len(part))


def onnx(threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(work + "/ucf.onnx", options, providers=["CPUExecutionProvider"])
    return lambda x, n: session.run(None, {"x": x, "n": n})


def openvino(threads):
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = openvino.Core().compile_model(work + "/ucf.onnx", "CPU", settings).create_infer_request()
    return lambda x, n: request.infer({0: x, 1: n})


def torch(threads):
    import torch
    import vadclip_reference

    torch.set_num_threads(threads)
    text = np.load(shared + "/golden/expected/ucf.npz")["text_features"]
    model = vadclip_reference.load("ucf", 1, text)

    def run(x, n):
        with torch.no_grad():
            model(torch.tensor(x), torch.tensor(int(n)))

    return run


def timed(run, video):
    begin = time.perf_counter()
    for x, n in video:
        run(x, n)
    return (time.perf_counter() - begin) * 1e3


def own(length, threads):
    command = [vigil, "bench", "engine", "--model", work + "/ucf.safetensors", "--json"]
    command += ["--lengths", str(length), "--threads", str(threads), "--runs", "3"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["videos"][0]["ms"]


print(f"{'snippets':>8} {'threads':>7} {'Vigil':>9} {'ORT':>9} {'OpenVINO':>9} {'PyTorch':>9} {'ratio':>7}   (ms; best other / Vigil)")
for threads in (1, 2):
    others = {"ORT": onnx(threads), "OpenVINO": openvino(threads), "PyTorch": torch(threads)}
    for length in (30, 120, 256, 1000):
        video = list(chunks(make_checkpoint.features(length, 512, 100 + length)))
        for run in others.values():
            timed(run, video)
        found = {name: [] for name in ["Vigil", *others]}
        for _ in range(rounds):
            found["Vigil"].append(own(length, threads))
            for name, run in others.items():
                found[name].append(timed(run, video))
        median = {name: statistics.median(times) for name, times in found.items()}
        best = min(median[name] for name in others)
        print(
            f"{length:8} {threads:7} "
            + " ".join(f"{median[name]:9.1f}" for name in found)
            + f" {best / median['Vigil']:7.2f}",
            flush=True,
        )
