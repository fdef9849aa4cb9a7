"""Chromium without a window, by its own protocol (CDP) over two pipes: no driver and no package is needed."""

import base64
import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import time

from support.harness import scratch

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Ports of this machine alone: a browser asks its maker for much unless it is told not to.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-default-apps", "--no-default-browser-check", "--metrics-recording-only", "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1", "--hide-scrollbars",
)  # fmt: skip


class Browser:
    """One page of one browser."""

    def __init__(self, width=1280, height=900):
        read, self._out = os.pipe()
        self._in, write = os.pipe()

        def hand_over():
            # The browser reads from 3 and writes to 4.
            first, second = os.dup(read), os.dup(write)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self._process = subprocess.Popen(
            [PROGRAM, *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={scratch()}", "about:blank"],
            preexec_fn=hand_over, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read)
        os.close(write)
        self._rest = b""
        self._id = 0
        self.events = []
        self._session = None
        pages = [one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        found = self.call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.size(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def _read(self, seconds):
        """The next message; None where none comes in time."""
        end = time.monotonic() + seconds
        while b"\0" not in self._rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._in], [], [], left)[0]:
                return None
            piece = os.read(self._in, 1 << 20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self._rest += piece
        text, self._rest = self._rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, seconds=120, **parameters):
        self._id += 1
        message = {"id": self._id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read(seconds)
            if answer is None:
                raise TimeoutError(method)
            if answer.get("id") == self._id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def listen(self, seconds=0.05):
        """Takes in what the browser has to tell."""
        while (event := self._read(seconds)) is not None:
            self.events.append(event)

    def heard(self, method):
        self.listen()
        return [one["params"] for one in self.events if one.get("method") == method]

    def js(self, text):
        """The value of an expression, awaited."""
        found = self.call("Runtime.evaluate", expression=text, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return found["result"].get("value")

    def until(self, text, seconds=300):
        """Waits until an expression is true, and gives its value; it may fail until then."""
        end = time.monotonic() + seconds
        failure = None
        while time.monotonic() < end:
            try:
                if value := self.js(f"(found => found instanceof Node ? true : found)({text})"):
                    return value
            except RuntimeError as error:
                failure = error
            self.listen(0.05)
        at = self.js("location.href + ' ' + [...document.querySelectorAll('[role=alert]')].map(one => one.textContent).join(' ')")
        raise TimeoutError(f"not within {seconds} s: {text} {failure or ''} at {at}")

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def size(self, width, height, scale=1, touch=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=touch)

    def media(self, **features):
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()])  # fmt: skip

    def key(self, name, text=None, modifiers=0):
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        text = text or {"Enter": "\r", " ": " "}.get(name) or (name if len(name) == 1 else None)
        shared = {"key": name, "modifiers": modifiers, "windowsVirtualKeyCode": codes.get(name, ord(name.upper()[0]))}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **shared, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, points):
        x, y = points[0]
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
        for x, y in points[1:]:
            self.mouse("mouseMoved", x, y, button="left", buttons=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def click(self, selector):
        """As a person does: where it is, with the mouse."""
        box = self.js(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
                      " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()")
        self.drag([box])

    def files(self, selector, paths):
        """Gives files to an input, as a person chooses them."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path) for path in paths], nodeId=node)

    def downloads(self, folder):
        session, self._session = self._session, None
        with contextlib.suppress(RuntimeError):
            self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), eventsEnabled=True)
        self._session = session

    def shot(self, path, whole=True):
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **({"clip": self._all()} if whole else {}))
        pathlib.Path(path).write_bytes(base64.b64decode(picture["data"]))

    def _all(self):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}

    def faults(self):
        """Errors that a person would find in the console."""
        found = [one["exceptionDetails"].get("exception", {}).get("description", "") for one in self.heard("Runtime.exceptionThrown")]
        found += [one["entry"]["text"] + " " + one["entry"].get("url", "") for one in self.heard("Log.entryAdded") if one["entry"]["level"] == "error"]
        found += [str([a.get("value") for a in one["args"]]) for one in self.heard("Runtime.consoleAPICalled") if one["type"] == "error"]
        return found

    def hosts(self):
        """Hosts that something was asked of."""
        urls = [one["request"]["url"] for one in self.heard("Network.requestWillBeSent")]
        return {url.split("/")[2] for url in urls if url.startswith(("http:", "https:", "ws:", "wss:"))}
