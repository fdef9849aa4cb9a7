"""How long the page takes to its first chart: from the first load with nothing kept, through "Score the sample", and of a job that has ended.

    python3 Tests/Load/page.py [VIGIL [ROUNDS]]

Needs Chromium; each round is a browser of its own that has seen nothing, three seconds after it was begun. Times are the page's, from the begin of its navigation to the
frame after the first line on a canvas; medians, and the slowest.
"""

import os
import pathlib
import statistics
import sys
import time

os.environ["VIGIL"] = sys.argv[1] if len(sys.argv) > 1 else ".build/release/vigil"
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "EndToEnd"))
sys.dont_write_bytecode = True

from support.browser import PROGRAM, Browser  # noqa: E402
from support.process import Server  # noqa: E402

if not PROGRAM:
    sys.exit("page.py: needs chromium")

# Notes the frame after the first line that is drawn, and presses the button as soon as it is there where that is asked for.
WATCH = """
  window.seen = {};
  for (const name of ['stroke', 'fillRect', 'putImageData', 'drawImage']) {
    const own = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...given) {
      if (!seen.begun) { seen.begun = performance.now(); requestAnimationFrame(() => { seen.chart = performance.now(); }); }
      return own.apply(this, given);
    };
  }
  new MutationObserver((_, observer) => {
    const button = [...document.querySelectorAll('button')].find((one) => one.textContent === 'Score the sample');
    if (!button || seen.pressed) return;
    observer.disconnect();
    seen.pressed = performance.now();
    if (PRESS) button.click();
  }).observe(document, {subtree: true, childList: true});
"""


def once(url, press):
    with Browser() as browser:
        # What is told of each request and line is work beside the page's.
        for told in ("Network", "Log"):
            browser.call(f"{told}.disable")
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH.replace("PRESS", "true" if press else "false"))
        # It begins with much else, on as few cores.
        time.sleep(3)
        browser.call("Page.navigate", url=url)
        # Nor is it asked while it may still be loading.
        time.sleep(1)
        browser.until("window.seen?.chart")
        sizes = browser.js(
            "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
            ".filter((one) => /page|\\/$/.test(one.name) || one.entryType === 'navigation').map((one) => one.transferSize)"
        )
        return browser.js("window.seen"), sum(sizes), browser.js("location.hash")


def told(what, times):
    print(f"{what}: {statistics.median(times):.0f} ms, slowest {max(times):.0f}")


with Server() as server:
    found = [once(f"{server.url}/", True) for _ in range(rounds)]
    told("from the first load to the button", [seen["pressed"] for seen, _, _ in found])
    told("from there, pressed at once, to the sample's first chart", [seen["chart"] - seen["pressed"] for seen, _, _ in found])
    told("both", [seen["chart"] for seen, _, _ in found])
    job = found[-1][2]
    told("from the first load of a job that has ended to its chart", [once(f"{server.url}/{job}", False)[0]["chart"] for _ in range(rounds)])
    print(f"sent for it: {found[0][1] / 1024:.0f} KiB")
