"""Called by extract.sh: every way once a round, in turn; the median round counts."""

import json
import os
import pathlib
import queue
import statistics
import subprocess
import sys
import threading
import time

import av
import cv2
import numpy as np
from PIL import Image

vigil, work, shared, rounds = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
sys.path.insert(0, shared + "/golden")
import image_reference as reference  # noqa: E402

clip, onnx = str(work / "clip.mp4"), str(work / "image.onnx")
engines = (os.environ.get("ENGINES") or "onnxruntime,openvino").split(",")
threads, batch = os.cpu_count(), 4
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def own(compute):
    """Rows a second by what vigil extract says of itself, its features, and the decoder's part of the processors' time."""
    out = work / "features"
    ran = subprocess.run(
        [vigil, "extract", clip, "--model", work / "ucf.safetensors", "--output", out, "--recipe", "clip", "--pool", "middle",
         "--compute", compute, "--again"], capture_output=True, text=True)  # fmt: skip
    if ran.returncode:
        sys.exit(ran.stderr)
    told = json.loads(ran.stdout)
    return told["seconds"], np.load(out / "clip.npy"), told.get("decoder_processor_seconds")


def pyav():
    with av.open(clip) as container:
        container.streams.video[0].thread_type = "AUTO"
        for number, frame in enumerate(container.decode(video=0)):
            if number % 16 == 8:
                yield frame.to_ndarray(format="rgb24")


def opencv():
    capture, number = cv2.VideoCapture(clip), 0
    while capture.grab():
        if number % 16 == 8:
            yield cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB)
        number += 1


def square(frame):
    """As OpenAI's CLIP has it."""
    image = Image.fromarray(frame)
    width, height = image.size
    scale = 224 / min(width, height)
    image = image.resize((int(width * scale), int(height * scale)), Image.BICUBIC)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / 255
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)


def extracted(frames, tower):
    """Decoding and preprocessing go on beside the tower, on a thread of their own."""
    ahead, features, begun = queue.Queue(2 * batch), [], time.perf_counter()

    def read():
        for frame in frames():
            ahead.put(square(frame))
        ahead.put(None)

    threading.Thread(target=read, daemon=True).start()
    images, more = [], True
    while more:
        image = ahead.get()
        more = image is not None
        if more:
            images.append(image)
        if len(images) == batch or (images and not more):
            features.append(tower(np.stack(images)))
            images = []
    return time.perf_counter() - begun, np.concatenate(features), None


def onnx_engines():
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    dynamic = onnx + ".dynamic.onnx"
    if not os.path.exists(dynamic):
        quantize_dynamic(onnx, dynamic, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=True)
    for name, path in (("ONNX Runtime float32", onnx), ("ONNX Runtime dynamic int8", dynamic)):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        yield name, lambda x, session=session: session.run(None, {"pixels": x})[0]


def openvino_engines():
    import openvino

    core, quantised = openvino.Core(), onnx + ".nncf.xml"
    if not os.path.exists(quantised):
        import nncf

        # On other frames than those that it is judged on.
        known = nncf.Dataset([frame[None] for frame in reference.inputs(24)[-8:]])
        openvino.save_model(
            nncf.quantize(core.read_model(onnx), known, subset_size=8, model_type=nncf.ModelType.TRANSFORMER), quantised)
    for name, path, precision in (
        ("OpenVINO float32", onnx, "f32"), ("OpenVINO bf16", onnx, "bf16"), ("OpenVINO NNCF int8", quantised, "f32"),
    ):  # fmt: skip
        graph = core.read_model(path)
        graph.reshape({0: [-1, 3, 224, 224]})
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        request = core.compile_model(graph, "CPU", settings).create_infer_request()
        yield name, lambda x, request=request: request.infer({0: x})[0].copy()


towers = {}
for name, make in {"onnxruntime": onnx_engines, "openvino": openvino_engines}.items():
    if name in engines:
        towers |= dict(make())
ways = {f"Vigil {compute}": lambda compute=compute: own(compute) for compute in ("float32", "bfloat16", "int8")}
for name, tower in towers.items():
    # The one that decodes does not matter to the tower; both are tried with those of float32.
    for decoder in (pyav, opencv) if "float32" in name else (pyav,):
        ways[f"{decoder.__name__}, {name}"] = lambda decoder=decoder, tower=tower: extracted(decoder, tower)

times, features, decoding = {}, {}, {}
before = os.getloadavg()[0]
for turn in range(rounds + 1):
    for name, way in ways.items():
        seconds, features[name], worked = way()
        # The first one warms up.
        if turn:
            times.setdefault(name, []).append(seconds)
            if worked is not None:
                decoding.setdefault(name, []).append(worked / (threads * seconds))
want = next(features[name] for name in ways if name.startswith("pyav") and name.endswith("float32"))
print(f"{'way':36} {'rows/s':>8} {'best':>8} {'cosine':>10}   load {before:.1f} {os.getloadavg()[0]:.1f}")
cosines = {}
for name, seconds in times.items():
    found = features[name]
    cosines[name] = ((found * want).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(want, axis=1)).min()
    part = f"   decoding {100 * statistics.median(decoding[name]):.1f} %" if name in decoding else ""
    print(f"{name:36} {len(found) / statistics.median(seconds):8.2f} {len(found) / min(seconds):8.2f} {cosines[name]:10.6f}{part}")
for what, holds in (("float32", lambda name: "float32" in name), ("any arithmetic, cosine >= 0.9995", lambda name: cosines[name] >= 0.9995)):
    medians = {name: statistics.median(seconds) for name, seconds in times.items() if holds(name)}
    best, other = (min((n for n in medians if n.startswith("Vigil") == is_own), key=medians.get) for is_own in (True, False))
    print(f"{what}: {best} is {medians[other] / medians[best]:.2f} times as fast as {other}")
