"""Called by compare_image.sh: every engine once a round, in turn; the median round counts."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

vigil, work, shared, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
sys.path.insert(0, shared + "/golden")
import image_reference as reference  # noqa: E402
import make_checkpoint  # noqa: E402
import make_frames  # noqa: E402
import torch  # noqa: E402

model, onnx = work + "/ucf.safetensors", work + "/image.onnx"
engines = (os.environ.get("ENGINES") or "vigil,torch,onnxruntime,openvino").split(",")
batches = [int(n) for n in (os.environ.get("BATCHES") or "1,4,16").split(",")]
counts = [int(n) for n in (os.environ.get("THREADS") or "1,2").split(",")]
# Vigil's arithmetics, and which of the others' engines have as many bits.
COMPUTE = {
    "float32": ["PyTorch float32", "ONNX Runtime float32", "OpenVINO float32"],
    "bfloat16": ["PyTorch bf16", "OpenVINO bf16"],
    "int8": ["ONNX Runtime dynamic int8", "OpenVINO NNCF int8"],
}


def told(*arguments):
    return subprocess.run([vigil, *arguments], capture_output=True, text=True)


def own_rate(batch, threads, compute):
    ran = told("bench", "engine", "--image", "--model", model, "--batch", str(batch), "--threads", str(threads),
               "--runs", "1", "--json", "--compute", compute)
    if ran.returncode:
        sys.exit(ran.stderr)
    return json.loads(ran.stdout)["images"][0]["ms"] / 1e3


def own_features(batch, compute):
    """By vigil extract: of the frames that the others are given."""
    frames, out = pathlib.Path(work) / "frames.npy", pathlib.Path(work) / "features"
    shapes = [(320, 240), (640, 361), (446, 300), (256, 340)]
    crops = [reference.clip_crop(make_frames.frame(*shapes[i % 4], 50 + i)) for i in range(batch)]
    np.save(frames, np.stack(crops))
    ran = told("extract", str(frames), "--model", model, "--output", str(out), "--recipe", "clip", "--frames-per-row", "1",
               "--compute", compute)
    if ran.returncode:
        sys.exit(ran.stderr)
    return np.load(out / "frames.npy")


def torch_engines(batch, threads, x):
    torch.set_num_threads(threads)
    state = make_checkpoint.state("ucf", 1)
    whole, half = reference.ImageTower(state).eval(), reference.ImageTower(state).eval().to(torch.bfloat16)
    pixels = torch.from_numpy(x)

    def plain():
        with torch.no_grad():
            return whole(pixels).numpy()

    def brain():
        with torch.no_grad():
            return half(pixels.to(torch.bfloat16)).float().numpy()

    return {"PyTorch float32": plain, "PyTorch bf16": brain}


def onnx_engines(batch, threads, x):
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    dynamic = onnx + ".dynamic.onnx"
    if not os.path.exists(dynamic):
        quantize_dynamic(onnx, dynamic, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=True)
    found = {}
    for name, path in (("ONNX Runtime float32", onnx), ("ONNX Runtime dynamic int8", dynamic)):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        found[name] = lambda session=session: session.run(None, {"pixels": x})[0]
    return found


def openvino_engines(batch, threads, x):
    import openvino

    core, quantised = openvino.Core(), onnx + ".nncf.xml"
    if not os.path.exists(quantised):
        import nncf

        # On other frames than those that it is judged on.
        known = nncf.Dataset([frame[None] for frame in reference.inputs(24)[-8:]])
        openvino.save_model(
            nncf.quantize(core.read_model(onnx), known, subset_size=8, model_type=nncf.ModelType.TRANSFORMER), quantised)
    found = {}
    for name, path, precision in (("OpenVINO float32", onnx, "f32"), ("OpenVINO bf16", onnx, "bf16"), ("OpenVINO NNCF int8", quantised, "f32")):
        graph = core.read_model(path)
        graph.reshape({0: [batch, 3, 224, 224]})
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        request = core.compile_model(graph, "CPU", settings).create_infer_request()
        found[name] = lambda request=request: request.infer({0: x})[0].copy()
    return found


def distance(found, want):
    cosine = (found * want).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(want, axis=1)
    return f"{cosine.min():10.6f} {np.abs(found - want).max():10.2e}"


makers = {"torch": torch_engines, "onnxruntime": onnx_engines, "openvino": openvino_engines}
print(f"{'threads':>7} {'batch':>5}  {'engine':26} {'images/s':>8} {'best':>8} {'cosine':>10} {'largest':>10}   load before and after")
for threads in counts:
    for batch in batches:
        x = reference.inputs(batch)
        with torch.no_grad():
            want = reference.ImageTower(make_checkpoint.state("ucf", 1)).eval()(torch.from_numpy(x)).numpy()
        run, features, times = {}, {}, {}
        for name, make in makers.items():
            if name in engines:
                run.update(make(batch, threads, x))
        for name, work_of in run.items():
            features[name] = work_of()
        own = list(COMPUTE) if "vigil" in engines else []
        for compute in own:
            features[f"Vigil {compute}"] = own_features(batch, compute)
        before = os.getloadavg()[0]
        for _ in range(rounds):
            for compute in own:
                times.setdefault(f"Vigil {compute}", []).append(own_rate(batch, threads, compute))
            for name, work_of in run.items():
                begin = time.perf_counter()
                work_of()
                times.setdefault(name, []).append(time.perf_counter() - begin)
        for name, seconds in times.items():
            print(
                f"{threads:7} {batch:5}  {name:26} {batch / statistics.median(seconds):8.2f} {batch / min(seconds):8.2f} "
                f"{distance(features[name], want)}   {before:.1f} {os.getloadavg()[0]:.1f}",
                flush=True)
        for compute in own:
            others = {name: statistics.median(times[name]) for name in COMPUTE[compute] if name in times}
            if others:
                best = min(others, key=others.get)
                ratio = others[best] / statistics.median(times[f"Vigil {compute}"])
                print(f"{threads:7} {batch:5}  Vigil {compute} is {ratio:.2f} times as fast as {best}", flush=True)
