"""The web page as people use it, in Chromium: the sample by keys alone, a queue, a failure, a batch, a key, a video, downloads.

PICTURES=folder keeps a picture of each of them, in light and dark, wide and on a phone.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import time

from support.harness import ROOT, VIGIL, check, contains, equal, finish, group, need, note, scratch, skip
from support.browser import PROGRAM, Browser
from support.process import Server

need("browser", "numpy", "requests")

import numpy  # noqa: E402
import requests  # noqa: E402

if not PROGRAM:
    skip("the page in a browser", "needs chromium (INSTALL=1 installs it)")
    finish()

SAMPLE = ROOT / "deploy/demo/sample.npy"
sample = numpy.load(SAMPLE).astype(numpy.float32)
noise = numpy.random.default_rng(25)
DONE = "document.querySelector('#summary-title')"


def axe():
    """The source of axe-core, which a package of PyPI carries; None without it."""
    for name in ("axe_playwright_python", "axe_core_python"):
        if (spec := importlib.util.find_spec(name)) and spec.origin:
            if (file := pathlib.Path(spec.origin).parent / "axe.min.js").is_file():
                return file.read_text()
    return None


AXE = axe()


def video(rows):
    """Scenes with more or less noise, so that there are scores of all heights."""
    tiles = numpy.concatenate([sample] * (rows // len(sample) + 1))[:rows]
    return tiles + noise.normal(0, 0.4, tiles.shape).astype(numpy.float32)


def npy(array):
    path = scratch() / "features.npy"
    numpy.save(path, array.astype(numpy.float32))
    return path.read_bytes()


def post(server, array, query="", **fields):
    headers = {"Content-Type": "application/x-npy", **{name.replace("_", "-"): value for name, value in fields.items()}}
    answer = requests.post(f"{server.url}/score{query}", data=npy(array), headers=headers, timeout=120)
    answer.raise_for_status()
    return answer.json()


def fit(browser, name):
    """WCAG 2.2 AA by axe-core, in light and dark, wide and on a phone."""
    for theme in ("light", "dark"):
        for width in (1280, 390):
            browser.media(prefers_color_scheme=theme)
            browser.size(width, 900)
            browser.listen(0.2)
            if pictures := os.environ.get("PICTURES"):
                browser.shot(f"{pictures}/{name.replace(' ', '-')}.{theme}.{width}.png", whole=False)
            wide = browser.js("document.documentElement.scrollWidth - innerWidth")
            check(f"{name}, {theme}, {width} wide: does not scroll sideways", wide <= 0, wide)
            if AXE is None:
                continue
            browser.js(AXE + "; 0")
            found = browser.js(
                "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
                ".then(found => found.violations.map(one => one.id + ': ' + one.nodes.map(n => n.html.slice(0, 120)).slice(0, 3).join(' | ')))"
            )
            equal(f"{name}, {theme}, {width} wide: axe finds nothing", found, [])
    browser.media(prefers_color_scheme="light")
    browser.size(1280, 900)


def clean(browser, server, name, but=()):
    """No error in the console, and nobody else was asked for anything."""
    equal(f"{name}: console", [one for one in browser.faults() if not any(part in one for part in but)], [])
    equal(f"{name}: hosts", browser.hosts(), {f"{server.host}:{server.port}"})


def browser_waits(condition, seconds=30):
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def tab_to(browser, text):
    """Tab until the focus is on what says this."""
    for _ in range(60):
        browser.key("Tab")
        if browser.js("(document.activeElement.textContent || document.activeElement.ariaLabel || '').trim()") == text:
            return True
    return False


def push(browser, text):
    """Presses the button that says this, wherever it is seen."""
    browser.until(f"[...document.querySelectorAll('button')].some(one => one.textContent === {json.dumps(text)} && !one.closest('[hidden]'))")
    browser.js(f"[...document.querySelectorAll('button')].find(one => one.textContent === {json.dumps(text)} && !one.closest('[hidden]')).click()")


def contents(page):
    """What a report tells: its drawing, its tables and its figures, heights as numbers of two digits."""
    number = lambda text: round(float(text.rstrip("%")) / (100 if text.endswith("%") else 1), 2)  # noqa: E731
    rows = [[re.sub("<.*?>", "", cell) for cell in re.findall("<td>(.*?)</td>", row)] for row in re.findall("<tr>(.*?)</tr>", page)]
    rows = [row for row in rows if row]
    attributes = lambda tag: {name: float(value) for name, value in re.findall('(x|y|width|opacity)="([0-9.]+)"', tag)}  # noqa: E731
    return {
        "curve": re.search('<path class="curve[^>]* d="([^"]*)"', page)[1],
        "axis": re.findall('y="238"[^>]*>([^<]*)<', page),
        "events": [attributes(tag) for tag in re.findall('<rect class="event"[^>]*>', page)],
        "shares": [attributes(tag) for tag in re.findall('<rect class="shade"[^>]*>', page)],
        "segments": [[*row[:4], number(row[4]), row[5]] for row in rows if len(row) > 5],
        "classes": [row for row in rows if len(row) == 2 and row[1].endswith("%")],
        "from": {row[0]: row[1] for row in rows if len(row) == 2 and row[0] in ("model", "family", "model_sha256", "features_sha256", "kernels", "compute", "vigil")},
        "ends": "end excluded" in page,
        "figures": [number(value) if value[0].isdigit() and ":" not in value else value for value in re.findall("<div><b>(.*?)</b>", page)],
    }


if AXE is None:
    skip("WCAG by axe-core", "needs axe-playwright-python, as make validate installs it")

with Server() as server, Browser() as browser:
    with group("the sample by keys alone"):
        browser.open(server.url + "/")
        browser.until("document.querySelector('#recent-title + a')")
        contains("says that the model is a demo", browser.until("document.querySelector('.notice')?.textContent"), "made-up scenes")
        check("the button is reached by Tab", tab_to(browser, "Score the sample"))
        browser.key("Enter")
        browser.until(DONE)
        rows = browser.js("[...document.querySelectorAll('.events tbody tr')].map(row => row.children[2].textContent)")
        equal("what is in the sample", rows, ["explosion", "fight", "theft"])
        equal("its title", browser.js("document.title"), "sample.npy · Vigil")
        contains("the number of the whole says what it is", browser.js("document.querySelector('#summary-title').parentNode.textContent"), "Highest snippets, mean")
        told = browser.js("fetch('/jobs/' + location.hash.split('/')[2].split('?')[0]).then(a => a.json()).then(a => a.result.segments)")
        equal("its events are what the same file gives otherwise", told, post(server, sample, "?fps=30", Prefer="wait=60")["result"]["segments"])
        browser.key("k")
        equal("K goes to an event", browser.js("document.querySelector('tr.selected').children[2].textContent"), "explosion")
        browser.key("k")
        equal("and on", browser.js("document.querySelector('tr.selected').children[2].textContent"), "fight")
        browser.key("j")
        contains("why", browser.js("document.querySelector('#why-title').textContent"), "explosion")
        browser.js("document.querySelector('.plot').focus()")
        before = browser.js("document.querySelector('.plot').ariaValueNow")
        browser.key("ArrowRight")
        equal("the cursor moves on", int(browser.js("document.querySelector('.plot').ariaValueNow")), int(before) + 1)
        contains("and is read out", browser.js("document.querySelector('.plot').ariaValueText"), "snippet", "anomaly")
        for _ in range(3):
            browser.key("ArrowUp")
        equal("the threshold rises", browser.js("document.querySelector('#threshold-number').value"), "0.53")
        browser.key("+")
        link = browser.until("location.hash.includes('t=0.53') && location.hash.includes('from=') && location.href")
        browser.open("about:blank")
        browser.open(link)
        browser.until(DONE)
        equal("the link brings the threshold back", browser.js("document.querySelector('#threshold-number').value"), "0.53")
        check("and the stretch", browser.until("location.hash.includes('from=')"))
        # With the event that was chosen, and to no other stretch than was seen.
        chosen = "document.querySelector('tr.selected')?.children[2].textContent"
        view, other = browser.js("location.hash"), f"event={told[1]['start']}"
        equal("and the event", browser.until(chosen), "explosion")
        browser.js(f"location.hash = {json.dumps(re.sub('event=[0-9]+', other, view))}")
        check("a link to another event of the same job chooses that", browser.until(f"{chosen} === 'fight'"))
        browser.js(f"location.hash = {json.dumps(re.sub('&?event=[0-9]+', '', view))}")
        check("and one to none none", browser.until("!document.querySelector('tr.selected')"))
        fit(browser, "a job")
    clean(browser, server, "the sample")

    with group("the mouse"):
        browser.open("about:blank")
        browser.open(link.split("?")[0])
        browser.until(DONE)
        browser.js("document.querySelector('.plot').scrollIntoView({block: 'center'})")
        x, y = browser.js("(() => { const b = document.querySelector('.plot').getBoundingClientRect(); return [b.x, b.y]; })()")
        browser.drag([(x + 500, y + 10 + 100), (x + 500, y + 10 + 60), (x + 500, y + 10 + 20)])
        equal("the line is dragged", float(browser.js("document.querySelector('#threshold-number').value")), 0.9)
        browser.mouse("mouseMoved", x + 700, y + 40)
        contains("values under the pointer", browser.until("document.querySelector('.tip:not([hidden])')?.textContent"), "Snippet", "frames", "anomaly")
        browser.drag([(x + 300, y + 300)])
        check("a click moves the cursor", browser.until("Number(document.querySelector('.plot').ariaValueNow) > 0"))
        browser.drag([(x + 300, y + 300)])
        browser.mouse("mouseWheel", x + 600, y + 50, deltaX=0, deltaY=-300)
        check("the wheel zooms", browser.until("location.hash.includes('from=')"))
        browser.click(".toggles button:nth-of-type(2)")
        check("a class is hidden", browser.until("location.hash.includes('hide=fight')"))
        # The address is written a moment after a change: here when the way elsewhere has begun and is not yet noticed.
        browser.js(
            "(() => { const [own, late] = [window.setTimeout, []]; const field = document.querySelector('#threshold-number');"
            " window.setTimeout = (action, wait) => (wait === 250 ? late.push(action) : own(action, wait));"
            " field.value = 0.7; field.dispatchEvent(new Event('change')); window.setTimeout = own;"
            " location.hash = '#/jobs'; window.written = late.length; for (const action of late) action(); })()"
        )
        check("who leaves right after a change is not brought back", browser.until("document.querySelector('tbody tr') && location.hash === '#/jobs'"))
        check("a change is written late", browser.js("window.written > 0"))
    clean(browser, server, "the mouse")

    with group("ways about the page"):
        one = link.split("?")[0].split("#/job/")[1]
        browser.open("about:blank")
        browser.open(f"{server.url}/#/job/{one}")
        browser.until(DONE)
        browser.js("document.querySelector('.skip').click()")
        equal("the way to the content leads there", browser.js("document.activeElement.id"), "main")
        equal("and the address stays the view's", browser.js("location.hash"), f"#/job/{one}")
        browser.js(f"location.hash = '#/job/{one}?hide=fight&unit=snippets'")
        toggle = "[...document.querySelectorAll('.toggles button')].find(one => one.textContent === 'fight').ariaPressed"
        check("a link to the job that is open hides what it hides", browser.until(f"{toggle} === 'false' && document.querySelector('#unit').value === 'snippets'"))
        browser.js(f"location.hash = '#/job/{one}'")
        check("and one without shows all, by time", browser.until(f"{toggle} === 'true' && document.querySelector('#unit').value === 'time'"))
        # The same of a link to another view of this job.
        browser.js(
            "(() => { const [own, late] = [window.setTimeout, []]; const field = document.querySelector('#unit');"
            " window.setTimeout = (action, wait) => (wait === 250 ? late.push(action) : own(action, wait));"
            " field.value = 'frames'; field.dispatchEvent(new Event('change')); window.setTimeout = own;"
            f" location.hash = '#/job/{one}?unit=snippets'; window.written = late.length; for (const action of late) action(); }})()"
        )
        check("a link is followed though a change was to be written", browser.until("document.querySelector('#unit').value === 'snippets' && location.hash.includes('unit=snippets')"))
        check("which was", browser.js("window.written > 0"))
        browser.js("{ const own = window.fetch; let asks = 0; window.fetch = (url, more) => String(url).includes('/jobs?') && asks++ < 1"
                   " ? Promise.resolve(new Response('', {status: 503, headers: {'Retry-After': '1'}})) : own(url, more); location.hash = '#/jobs'; }")  # fmt: skip
        check("a list that was refused once is there in the end, without the refusal", browser.until("document.querySelector('tbody tr') && !document.querySelector('main [role=alert]')"))
        # An upload that comes to its end after its page was left.
        known = "fetch('/jobs?limit=200').then(a => a.json()).then(a => a.jobs.length)"
        before = browser.js(known)
        browser.js("location.hash = '#/'")
        browser.until("[...document.querySelectorAll('button')].some(one => one.textContent === 'Score the sample')")
        browser.js("{ const own = XMLHttpRequest.prototype.send; XMLHttpRequest.prototype.send = function (body) { window.held = () => own.call(this, body); };"
                   " [...document.querySelectorAll('button')].find(one => one.textContent === 'Score the sample').click(); }")  # fmt: skip
        browser.until("typeof window.held === 'function'")
        browser.js("location.hash = '#/server'")
        browser.until("document.querySelector('.facts')")
        browser.js("window.held()")
        browser.until(f"{known}.then(count => count > {before})")
        browser.until("document.querySelectorAll('.facts').length >= 3")
        equal("leads nobody away from what is read then", browser.js("location.hash"), "#/server")
        browser.open("about:blank")
        browser.open(server.url + "/")
    clean(browser, server, "ways about the page")

    with group("events are cut as the server cuts them"):
        rows = video(700)
        chance = random.Random(25)
        differ = []
        for _ in range(25):
            threshold = chance.choice([0, 1, 0.5, round(chance.random(), 3), chance.random()])
            leave = chance.choice([None, round(threshold * chance.random(), 3)])
            cut = {"threshold": threshold, "leave": leave, "min": chance.choice([1, 1, 2, 5]), "gap": chance.choice([0, 1, 4, 20])}
            query = f"?threshold={threshold}&min_snippets={cut['min']}&merge_gap={cut['gap']}" + (f"&leave={leave}" if leave is not None else "")
            job = post(server, rows, query, Prefer="wait=60")
            found = browser.js(
                f"Promise.all([import('/page/scores.js'), fetch('/jobs/{job['id']}').then(a => a.json())]).then(([m, job]) =>"
                f" m.cutEvents(m.Scores.ofResult(job.result), {json.dumps(cut)}).map(e => [e.start, e.end, e.label, e.score]))"
            )
            wanted = [[one["start"], one["end"], one["label"]] for one in job["result"]["segments"]]
            heights = all(numpy.float32(one["score"]) == numpy.float32(mine[3]) for one, mine in zip(job["result"]["segments"], found))
            if [one[:3] for one in found] != wanted or not heights:
                differ.append((cut, found[:3], wanted[:3]))
        equal("25 settings", differ, [])

    with group("several files, and texts that would be HTML"):
        folder = scratch()
        name = "<img src=x onerror=document.title='caught'>"
        numpy.save(folder / "one.npy", sample)
        numpy.save(folder / "two.npy", video(300))
        browser.open("about:blank")
        browser.open(server.url + "/")
        browser.until("document.querySelector('#recent-title')")
        browser.files("#files", [folder / "one.npy", folder / "two.npy"])
        equal("both are listed", browser.until("document.querySelectorAll('.chosen li').length"), 2)
        browser.until("document.querySelector('.drop .row:not([hidden]) button.primary')")
        browser.js("[...document.querySelectorAll('.drop button')].find(one => one.textContent.startsWith('Score 2')).click()")
        browser.until("location.hash.startsWith('#/batch/')")
        browser.until("[...document.querySelectorAll('.grid li')].filter(one => one.textContent.includes('highest')).length === 2")
        fit(browser, "a batch")
        job = post(server, sample, "?fps=30&name=" + requests.utils.quote(name), Prefer="wait=60")
        browser.open(f"{server.url}/#/job/{job['id']}")
        browser.until(DONE)
        equal("a name is a text", browser.js("document.querySelector('h1').textContent"), name)
        browser.open(f"{server.url}/#/jobs")
        browser.until("document.querySelectorAll('tbody tr').length > 2")
        equal("in the list too", browser.js("document.querySelectorAll('main img').length"), 0)
        browser.js("document.querySelector('#filter-words').value = 'img'; document.querySelector('#filter-words').dispatchEvent(new Event('input'))")
        equal("the search", browser.until("document.querySelectorAll('tbody tr').length"), 1)
        fit(browser, "the list")
        browser.size(390, 900)
        date = "(() => { const one = document.querySelector('tbody tr .narrow'); return one.getBoundingClientRect().width > 0 && one.textContent; })()"
        check("on a phone each has its date", re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", browser.js(date) or ""), browser.js(date))
        browser.size(1280, 900)
        equal("which stands once where there is a column of it", browser.js(date), False)

    with group("a link to a list"):
        check("what is searched for is in the address", browser.until("location.hash === '#/jobs?words=img'"))
        browser.js("(() => { const put = (id, value) => { const one = document.querySelector(id); one.value = value; one.dispatchEvent(new Event('change')); };"
                   " put('#filter-status', 'succeeded'); put('#filter-model', 'tiny-demo'); put('#filter-since', '2026-01-02T03:04'); })()")  # fmt: skip
        fields = "[...document.querySelectorAll('.filters input, .filters select')].map(one => one.value)"
        filled = browser.js(fields)
        equal("what was filled in", filled, ["img", "succeeded", "tiny-demo", "2026-01-02T03:04"])
        rows = "[...document.querySelectorAll('tbody tr')].map(one => one.dataset.job)"
        browser.until(f"({rows}).length === 1")
        seen, link = browser.js(rows), browser.js("location.href")
        browser.open("about:blank")
        browser.open(link)
        browser.until(f"({rows}).length === 1")
        equal("is there in a link to it", browser.js(fields), filled)
        equal("and the same jobs", browser.js(rows), seen)
        asked = browser.js("performance.getEntriesByType('resource').map(one => one.name).find(one => one.includes('/jobs?'))")
        contains("which the server is asked for by them", asked, "status=succeeded", "model=tiny-demo", "created_after=2026-01-0")
        browser.js("location.hash = '#/jobs'")
        equal("the way to all jobs fills in nothing", browser.until(f"({fields}).every(one => !one) && ({rows}).length > 2 && ({fields})"), ["", "", "", ""])
        # More than one answer has.
        browser.js("""{ const own = window.fetch; window.asked = []; window.fetch = async (url, more) => { const at = new URL(url, location.href); if (at.pathname !== '/jobs') return own(url, more);
          window.asked.push(at.search); const late = at.searchParams.has('cursor');
          const jobs = Array.from({length: late ? 50 : Math.min(150, at.searchParams.get('limit'))}, (_, index) => ({id: `${late ? 2 : 1}-${index}`, status: 'succeeded', model: 'one', created_at: '2026-01-01T00:00:00.000Z'}));
          return new Response(JSON.stringify({jobs, next: jobs.length === 100 ? 'older' : null})); }; location.hash = '#/server'; }""")
        browser.until("document.querySelector('.facts')")
        browser.js("location.hash = '#/jobs'")
        browser.until("document.querySelectorAll('tbody tr').length === 100")
        push(browser, "Older jobs")
        browser.until("document.querySelectorAll('tbody tr').length === 150")
        equal("how many are listed is in the address too", browser.js("location.hash"), "#/jobs?rows=150")
        browser.js("location.hash = '#/server'")
        browser.until("document.querySelector('.facts')")
        browser.js("location.hash = '#/jobs?rows=150'")
        check("and asked for at once", browser.until("document.querySelectorAll('tbody tr').length === 150 && window.asked.at(-1).includes('limit=150')"))

    with group("characters that nobody sees"):
        hidden = "lobby\u200f31m\u202egpj.npy"
        job = post(server, sample, "?fps=30&name=" + requests.utils.quote(hidden), Prefer="wait=60")
        shown = re.sub("[\u200f\u202e]", "\ufffd", hidden)
        browser.open("about:blank")
        browser.open(f"{server.url}/#/job/{job['id']}")
        browser.until(DONE)
        equal("of a name are seen to be there", browser.js("document.querySelector('h1').textContent"), shown)
        equal("in the window's title", browser.js("document.title"), f"{shown} · Vigil")
        browser.open(f"{server.url}/#/jobs")
        equal("and in the list", browser.until(f"document.querySelector('a[href=\"#/job/{job['id']}\"]')?.textContent"), shown)

    with group("what is dropped"):
        browser.open("about:blank")
        browser.open(server.url + "/")
        browser.until("document.querySelector('#recent-title')")
        for what, rows, kind in (("good", sample, "notice good"), ("zeros", sample * 0, "notice")):
            numpy.save(folder / f"{what}.npy", rows)
            browser.files("#files", [folder / f"{what}.npy"])
            browser.until("document.querySelectorAll('.chosen li').length === 1")
            push(browser, "Check only")
            equal(f"features that are only checked: {what}", browser.until("document.querySelector('.drop .notice')?.className"), kind)
            if what == "good":
                fit(browser, "what was checked")
            browser.js("document.querySelector('.chosen button').click()")
            browser.until("!document.querySelector('.drop .notice')")
        browser.js(
            "(() => { const all = new DataTransfer(); all.items.add(new File(['a,b\\n1,2\\n'], 'table.csv'));"
            " document.querySelector('.drop').dispatchEvent(new DragEvent('drop', {dataTransfer: all, bubbles: true, cancelable: true})); })()"
        )
        browser.until("document.querySelectorAll('.chosen li').length === 1")
        fit(browser, "the start")
        browser.key("Enter")
        contains("a refusal in the server's words", browser.until("document.querySelector('.drop [role=alert]')?.textContent"), "CSV")
        check("the file is still there", browser.js("document.querySelectorAll('.chosen li').length === 1"))
        browser.js(
            "(() => { document.querySelector('.chosen button').click(); const all = new DataTransfer();"
            " all.items.add(new File([new Uint8Array([0x89, 72, 68, 70, 13, 10, 26, 10]), new Uint8Array(1000)], 'features.h5'));"
            " document.querySelector('.drop').dispatchEvent(new DragEvent('drop', {dataTransfer: all, bubbles: true, cancelable: true})); })()"
        )
        browser.until("document.querySelector('.chosen li')?.textContent.includes('features.h5')")
        browser.key("Enter")
        told = browser.until("document.querySelector('.drop [role=alert]')?.textContent.includes('HDF5') && document.querySelector('.drop [role=alert]').textContent")
        contains("and what to do with HDF5", told, "h5py.File(FILE)", "numpy.save")
    clean(browser, server, "uploads", but=["422"])

    with group("a review"):
        job = post(server, sample, "?fps=30&threshold=0.5&name=" + requests.utils.quote(name), Prefer="wait=60")
        browser.open(f"{server.url}/#/job/{job['id']}")
        contains("nothing is said yet", browser.until("document.querySelector('#reviewed-title')?.parentNode.textContent"), "None of")
        for key, kind in (("t", "true_alarm"), ("f", "false_alarm")):
            browser.key("k")
            browser.key(key)
            browser.until(f"document.querySelector('.chip.{kind}')")
        browser.js("document.querySelector('#verdict-note').focus()")
        # A formula to a spreadsheet, and to JavaScript's replace() more than it says.
        browser.call("Input.insertText", text="=a $& dog")
        browser.key("Enter")
        path = f"{server.url}/jobs/{job['id']}/verdicts"
        browser.until(f"fetch('{path}').then(a => a.json()).then(a => a.verdicts.some(one => one.note === '=a $& dog'))")
        kept = requests.get(path, timeout=60).json()
        equal("both are kept with the job", [one["verdict"] for one in kept["verdicts"]], ["true_alarm", "false_alarm"])
        contains("summed up", browser.until("document.querySelector('#reviewed-title').parentNode.textContent"), "1 true, 1 false", "Precision 50", "1 of 1")
        # Somebody else says something meanwhile.
        third = job["result"]["segments"][2]
        more = kept["verdicts"] + [{"start": third["start"], "end": third["end"], "verdict": "true_alarm"}]
        requests.put(path, json={"verdicts": more}, headers={"If-Match": f'"{kept["revision"]}"'}, timeout=60).raise_for_status()
        browser.js("[...document.querySelectorAll('.judgement button')].find(one => one.textContent === 'True alarm').click()")
        browser.until(f"fetch('{path}').then(a => a.json()).then(a => a.revision === {kept['revision'] + 2})")
        equal("neither is lost", [one["verdict"] for one in requests.get(path, timeout=60).json()["verdicts"]], ["true_alarm"] * 3)
        browser.size(390, 900)
        wide = browser.js("(() => { const one = document.querySelector('.precisions'); return one.scrollWidth - one.clientWidth; })()")
        check("on a phone the precisions do not scroll sideways", wide <= 0, wide)
        browser.size(1280, 900)
        contains("and the other's is seen", browser.until("document.querySelector('#reviewed-title').parentNode.textContent.includes('3 true') && '3 true'"), "3 true")
        browser.js("document.activeElement.blur()")
        fit(browser, "a review")
        reviewed = job
    clean(browser, server, "a review", but=["422", "412"])

    with group("a note, and at once the other verdict"):
        job = post(server, sample, "?fps=30&threshold=0.5", Prefer="wait=60")
        path = f"{server.url}/jobs/{job['id']}/verdicts"
        browser.open(f"{server.url}/#/job/{job['id']}")
        browser.until("document.querySelector('#reviewed-title')")
        browser.key("k")
        browser.key("t")
        browser.until("document.querySelector('.chip.true_alarm')")
        browser.js("document.querySelector('#verdict-note').focus()")
        browser.call("Input.insertText", text="a cat")
        browser.click(".judgement button[aria-keyshortcuts=f]")
        check("both are said by one press", browser.until(f"fetch('{path}').then(a => a.json()).then(a => a.verdicts.some(one => one.verdict === 'false_alarm' && one.note === 'a cat'))"))
        check("and seen", browser.until("document.querySelector('.chip.false_alarm') && document.querySelector('.judgement button[aria-keyshortcuts=f]').ariaPressed === 'true'"))
    clean(browser, server, "a note and a verdict", but=["422", "412"])

    with group("a verdict before it is known what was said"):
        job = post(server, sample, "?fps=30", Prefer="wait=60")
        path = f"{server.url}/jobs/{job['id']}/verdicts"
        browser.js("{ const own = window.fetch; let asks = 0; window.fetch = (url, more) => { const answer = own(url, more);"
                   " return String(url).endsWith('/verdicts') && asks++ < 1 ? new Promise((done) => (window.release = () => done(answer))) : answer; };"
                   f" location.hash = '#/job/{job['id']}'; }}")  # fmt: skip
        browser.until("typeof window.release === 'function' && document.querySelector('#summary-title')")
        browser.key("k")
        browser.key("t")
        browser.js("window.release()")
        browser.until(f"fetch('{path}').then(a => a.json()).then(a => a.verdicts.length === 1) && document.querySelector('tr.selected .chip.true_alarm')")
        browser.key("t")
        check("is taken back by the same key", browser.until(f"fetch('{path}').then(a => a.json()).then(a => a.verdicts.length === 0) && !document.querySelector('.judgement .notice')"))
        browser.open("about:blank")
    clean(browser, server, "a verdict before it is known", but=["422", "412"])

    with group("a verdict that a page has not seen"):
        job = post(server, sample, "?fps=30", Prefer="wait=60")
        path = f"{server.url}/jobs/{job['id']}/verdicts"
        browser.open(f"{server.url}/#/job/{job['id']}")
        browser.until("document.querySelector('#reviewed-title')?.parentNode.textContent.includes('None of')")
        browser.key("k")
        browser.key("t")
        contains("who said it is left out without keys", browser.until("document.querySelector('.judgement .muted')?.textContent"), "Said on ", "takes it back")
        kept = requests.get(path, timeout=60).json()
        other = [dict(kept["verdicts"][0], verdict="false_alarm", note="a dog")]
        requests.put(path, json={"verdicts": other}, headers={"If-Match": f'"{kept["revision"]}"'}, timeout=60).raise_for_status()
        other = requests.get(path, timeout=60).json()
        browser.key("t")
        contains("it is told", browser.until("document.querySelector('.judgement .notice')?.textContent"), "Somebody else", "false alarm", "not kept")
        equal("and stays", requests.get(path, timeout=60).json(), other)
        check("it is seen", browser.js("document.querySelector('tr.selected .chip.false_alarm')") is not None)
        browser.key("t")
        browser.until("document.querySelector('tr.selected .chip.true_alarm') && !document.querySelector('.judgement .notice')")
        now = requests.get(path, timeout=60).json()["verdicts"]
        equal("once it was seen it may be changed", [(one["verdict"], one.get("note")) for one in now], [("true_alarm", "a dog")])
        browser.js("(() => { const s = document.querySelector('#verdict-label'); s.value = 'fall'; s.dispatchEvent(new Event('change')); })()")
        browser.until(f"fetch('{path}').then(a => a.json()).then(a => a.verdicts[0].label === 'fall')")
        browser.until("document.querySelector('#verdict-label').value === 'fall'")
        browser.key("t")
        browser.until("!document.querySelector('tr.selected .chip')")
        equal("the same key takes it back", requests.get(path, timeout=60).json()["verdicts"], [])

    with group("a note that somebody else was quicker than"):
        button = "[...document.querySelectorAll('.judgement button')].find(one => one.textContent === '%s').click(); 0"
        field = "document.querySelector('#verdict-note').value"

        def meanwhile(**said):
            now = requests.get(path, timeout=60).json()
            event = job["result"]["segments"][0]
            more = [{"start": event["start"], "end": event["end"], **said}]
            requests.put(path, json={"verdicts": more}, headers={"If-Match": f'"{now["revision"]}"'}, timeout=60).raise_for_status()

        def types(text):
            browser.js("document.querySelector('#verdict-note').select(); 0")
            browser.js("document.querySelector('#verdict-note').focus()")
            browser.call("Input.insertText", text=text)

        types("not said yet")
        browser.js("document.querySelector('#threshold').value = 0.6; document.querySelector('#threshold').dispatchEvent(new Event('input'))")
        browser.until("document.querySelector('.judgement .muted')?.textContent.includes('once you say')")
        equal("what is typed stays while the threshold moves, with the focus", browser.js(f"[{field}, document.activeElement.id]"), ["not said yet", "verdict-note"])
        browser.js(button % "False alarm")
        browser.until(f"fetch('{path}').then(a => a.json()).then(a => a.verdicts[0]?.note === 'not said yet')")
        browser.until("document.querySelector('tr.selected .chip.false_alarm')")
        meanwhile(verdict="true_alarm", label="fight", note="two men")
        types("a cat on the wall")
        browser.key("Enter")
        told = browser.until("document.querySelector('.judgement .notice')?.textContent")
        contains("both are shown", told, "true alarm, fight: “two men”", "false alarm", "“a cat on the wall”")
        equal("what was typed is still there", browser.js(field), "a cat on the wall")
        equal("and nothing was overwritten", [one["note"] for one in requests.get(path, timeout=60).json()["verdicts"]], ["two men"])
        fit(browser, "two verdicts")
        types("a cat on the wall, not men")
        browser.js(button % "Keep mine instead")
        browser.until("document.querySelector('.judgement') && !document.querySelector('.judgement .notice')")
        kept = [(one["verdict"], one["note"]) for one in requests.get(path, timeout=60).json()["verdicts"]]
        equal("one's own may stay", kept, [("false_alarm", "a cat on the wall, not men")])
        meanwhile(verdict="true_alarm", note="men")
        types("a cat")
        browser.key("Enter")
        browser.until("document.querySelector('.judgement .notice')")
        browser.js(button % "Leave theirs")
        equal("or the other's", browser.until(f"!document.querySelector('.judgement .notice') && {field}"), "men")
        equal("which nobody has changed", [one["note"] for one in requests.get(path, timeout=60).json()["verdicts"]], ["men"])
        meanwhile(verdict="true_alarm", note="men")
        now = requests.get(path, timeout=60).json()
        requests.put(path, json={"verdicts": []}, headers={"If-Match": f'"{now["revision"]}"'}, timeout=60).raise_for_status()
        browser.open("about:blank")
        browser.open(f"{server.url}/#/job/{job['id']}")
        browser.until("document.querySelector('#reviewed-title')?.parentNode.textContent.includes('None of')")

    with group("an event that was missed"):
        browser.js("document.querySelector('#reviewed-title').parentNode.querySelector('details').open = true")
        browser.js("document.querySelector('#missed-from').value = 100; document.querySelector('#missed-to').value = 104; document.querySelector('#missed-label').value = 'fall'")
        press = "[...document.querySelectorAll('details button')].find(one => one.textContent === 'Add').click(); document.querySelector('#missed-said').textContent"
        kept = requests.get(path, timeout=60).json()["verdicts"]
        event = reviewed["result"]["segments"][0]
        fill = "document.querySelector('#missed-from').value = '%s'; document.querySelector('#missed-to').value = '%s'; " + press
        contains("what is an event is none that was missed", browser.js(fill % (event["start"] + 1, event["start"] + 1)), "There is an event")
        contains("nor is what is not there", browser.js(fill % (100, 500)), "from 0 to 115")
        contains("nor what ends before it begins", browser.js(fill % (30, 20)), "before its first")
        contains("nor nothing", browser.js(fill % ("", "")), "its first snippet and its last")
        equal("no verdict is lost by it", requests.get(path, timeout=60).json()["verdicts"], kept)
        browser.js("document.querySelector('#missed-from').value = 100; document.querySelector('#missed-to').value = 104")
        fit(browser, "a missed event")
        browser.js("[...document.querySelectorAll('#reviewed-title ~ details button')].find(one => one.textContent === 'Add').click()")
        browser.until("document.querySelector('#reviewed-title ~ details li')")
        kept = requests.get(path, timeout=60).json()["verdicts"]
        equal("is kept as a true alarm", [(one["start"], one["end"], one["verdict"], one["label"]) for one in kept], [(100, 105, "true_alarm", "fall")])
        rows = requests.get(path, headers={"Accept": "text/csv"}, timeout=60).text
        equal("and is an annotation", rows, f"video,label,start,end\r\n{job['id']},fall,1600,1680\r\n")
        browser.js("document.querySelector('#reviewed-title ~ details li button').click()")
        browser.until("!document.querySelector('#reviewed-title ~ details li')")
        equal("until it is taken back", requests.get(path, timeout=60).json()["verdicts"], [])
    clean(browser, server, "a verdict that a page has not seen", but=["422", "412"])

    with group("why a job failed stands in the lists"):
        late = post(server, sample, "?deadline=0&name=late.npy", Prefer="wait=60")
        browser.open(f"{server.url}/#/jobs")
        contains("the list", browser.until(f"document.querySelector('tr:has(a[href=\"#/job/{late['id']}\"])')?.textContent"), late["error"]["detail"])
        browser.open(f"{server.url}/#/")
        contains("the start", browser.until(f"document.querySelector('tr:has(a[href=\"#/job/{late['id']}\"])')?.textContent"), late["error"]["detail"])
    clean(browser, server, "why a job failed stands in the lists", but=["422", "412"])

    with group("downloads"):
        job = reviewed
        folder = scratch()
        browser.downloads(folder)
        browser.open(f"{server.url}/#/job/{job['id']}")
        browser.until(DONE)
        for label, ending in (("JSON", "json"), ("npy", "npy"), ("Scores, CSV", "scores.csv"), ("Events, CSV", "events.csv"), ("SRT", "srt"), ("VTT", "vtt"), ("Report", "html")):
            browser.js(f"[...document.querySelectorAll('section button')].find(one => one.textContent === '{label}').click()")
            end = time.monotonic() + 60
            while not (found := [one for one in folder.iterdir() if one.name.endswith("." + ending)]) and time.monotonic() < end:
                browser.listen(0.1)
            check(f"{label} comes", found, list(folder.iterdir()))
        files = {".".join(one.name.split(".")[-2:] if one.name.endswith(".csv") else one.name.split(".")[-1:]): one for one in folder.iterdir()}
        result = job["result"]
        equal("JSON is the server's", json.loads(files["json"].read_text())["result"]["coarse"], result["coarse"])
        said = json.loads(files["json"].read_text())["verdicts"]
        equal("with the verdicts", [one["verdict"] for one in said], ["true_alarm"] * 3)
        check("and their notes as they are", "=a $& dog" in [one["note"] for one in said], str(said))
        check("what would be a formula is a text", any(line.endswith(",true_alarm,'=a $& dog") for line in files["events.csv"].read_text().splitlines()))
        rows = numpy.genfromtxt(files["scores.csv"], delimiter=",", names=True)
        check("each score reads back to the same float32", (rows["coarse"].astype(numpy.float32) == numpy.array(result["coarse"], numpy.float32)).all())
        equal("rows of events", len(files["events.csv"].read_text().splitlines()), len(result["segments"]) + 1)
        equal("cues", files["srt"].read_text().count(" --> "), len(result["segments"]))
        check("WebVTT begins as it has to", files["vtt"].read_text().startswith("WEBVTT\n\n"))
        report = files["html"].read_text()
        contains("the report", report, "Content-Security-Policy", "&lt;img src=x", result["segments"][0]["label"])
        check("runs nothing and asks nobody", not any(part in report for part in ("<script", "<img src=x", "<link")))
        browser.open(f"file://{files['html']}")
        fit(browser, "the report")
        # As the server cuts it, and anew by what is shown: the same as the program's own report, in which there are no verdicts.
        for query, options in (("", ["--threshold", "0.5"]), ("?t=0.7&leave=0.2&min=2&gap=30", ["--threshold", "0.7", "--leave", "0.2", "--min-snippets", "2", "--merge-gap", "30"])):
            made = subprocess.run([VIGIL, "score", str(SAMPLE), "--fps", "30", *options, "--format", "html"], capture_output=True, timeout=300)
            plain = post(server, sample, "?fps=30&name=plain.npy", Prefer="wait=60")
            files["html"].unlink(missing_ok=True)
            browser.open("about:blank")
            browser.open(f"{server.url}/#/job/{plain['id']}{query}")
            browser.until("document.querySelector('#takeaway-title')")
            push(browser, "Report")
            found = next(iter(browser_waits(lambda: [one for one in folder.glob("plain*.html") if "</html>" in one.read_text()], 300)))
            mine, own = contents(found.read_text()), contents(made.stdout.decode())
            for part in own:
                equal(f"the report's {part}, {' '.join(options)}", mine[part], own[part])
            check("calls nothing abnormal by a number", "abnormal" not in found.read_text())
            found.unlink()

    with group("the description and the server"):
        browser.open(server.url + "/docs")
        browser.until("document.querySelectorAll('article.operation').length > 20")
        with contextlib.suppress(ImportError):
            import yaml

            text = (ROOT / "openapi.yaml").read_text()
            read = json.loads(browser.js("import('/page/yaml.js').then(m => fetch('/openapi.yaml').then(a => a.text()).then(t => JSON.stringify(m.readYAML(t))))"))
            plain = lambda node: json.dumps(yaml.safe_load(text) if node is None else node, default=str, sort_keys=True)  # noqa: E731
            # Times are texts in JSON, and keys of answers are texts in either.
            equal("all of openapi.yaml is read", hashlib.sha256(plain(read).encode()).hexdigest(), hashlib.sha256(plain(json.loads(plain(None))).encode()).hexdigest())
        fit(browser, "the description")
        browser.media(prefers_color_scheme="light")
        dressed = "[document.documentElement.dataset.theme, document.querySelector('#theme').textContent]"
        equal("the description has the theme's button", browser.js(dressed), ["light", "Theme: auto"])
        browser.click("#theme")
        browser.click("#theme")
        equal("which dresses it", browser.js(dressed), ["dark", "Theme: dark"])
        browser.open(server.url + "/#/server")
        equal("and the other pages", browser.until(f"document.querySelectorAll('.facts').length >= 3 && {dressed}"), ["dark", "Theme: dark"])
        browser.click("#theme")
        equal("until it is the system's again", browser.js(dressed), ["light", "Theme: auto"])
        barred = browser.call("Page.addScriptToEvaluateOnNewDocument", source="Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('barred', 'SecurityError'); }})")
        for place in ("/docs", "/"):
            browser.media(prefers_color_scheme="dark")
            browser.open("about:blank")
            browser.open(server.url + place)
            equal(f"{place} where nothing may be stored", browser.until(f"document.querySelector('main h1') && {dressed}"), ["dark", "Theme: auto"])
            browser.click("#theme")
            equal("the button works", browser.js(dressed), ["light", "Theme: light"])
            browser.media(prefers_color_scheme="light")
        browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=barred["identifier"])
        browser.open(server.url + "/#/server")
        browser.until("document.querySelectorAll('.facts').length >= 3")
        fit(browser, "the server")
        browser.open(server.url + "/#/nowhere")
        contains("a place that there is not", browser.until("document.querySelector('main h1')?.textContent"), "Nothing here")
        browser.open(server.url + "/#/job/01M85BV3QAE4RGA8GVVP3465ME")
        contains("a job that there is not", browser.until("document.querySelector('[role=alert]')?.textContent"), "01M85BV3QAE4RGA8GVVP3465ME")

    for total in (5_000, 100_000):
        with group(f"{total:,} snippets"):
            found = browser.js("""Promise.all([import('/page/scores.js'), import('/page/timeline.js')]).then(async ([{Scores, cutEvents}, {Timeline}]) => {
              // What is drawn is counted, which is the same on any machine: rectangles and corners of paths, pixels of pictures apart.
              let drawn = 0;
              for (const [kind, names] of [[CanvasRenderingContext2D, ['fillRect', 'strokeRect', 'lineTo', 'rect', 'drawImage', 'fillText', 'measureText']], [Path2D, ['lineTo', 'rect', 'arc']]]) {
                for (const name of names) { const own = kind.prototype[name]; kind.prototype[name] = function (...given) { drawn += 1; return own.apply(this, given); }; }
              }
              const labels = Array.from({length: 14}, (_, index) => `class ${index}`), rows = ROWS;
              const scores = new Scores(rows, labels);
              const wave = (at) => Math.max(0, Math.sin(at / 900) * Math.sin(at / 37)) ** 2;
              scores.add(0, Array.from({length: rows}, (_, at) => wave(at)), Array.from({length: rows}, (_, at) => labels.map((_, label) => wave(at + label * 5000))));
              const timeline = new Timeline({seek() {}, threshold() {}, viewed() {}});
              document.querySelector('main').replaceChildren(timeline.element);
              timeline.show(scores);
              let most = 0; const pass = async (act) => { const all = []; for (let turn = 0; turn < 90; turn += 1) { drawn = 0; act(turn); await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame); all.push(timeline.took); most = Math.max(most, drawn); } all.sort((a, b) => a - b); return [all[45], all[85]]; };
              const zoom = await pass((turn) => timeline.zoom(turn < 45 ? 0.85 : 1 / 0.85, rows * 0.4));
              const line = await pass((turn) => { timeline.cut = {threshold: turn / 90, leave: null, min: 1, gap: 0}; const begun = performance.now(); timeline.events = cutEvents(scores, timeline.cut); timeline.cutting = performance.now() - begun; timeline.draw(); });
              return {zoom, line, most, width: timeline.plotWidth, events: timeline.events.length};
            })""".replace("ROWS", str(total)))
            note("ms of a frame, median and 95 of 100: zooming {zoom[0]:.1f} and {zoom[1]:.1f}, dragging the threshold {line[0]:.1f} and {line[1]:.1f}".format(**found))
            check("no more is drawn in a frame than there are pixels side by side, a few times", 0 < found["most"] < 6 * found["width"], found)
    with group("a job whose frames a second are known while it runs"):
        browser.open("about:blank")
        browser.open(server.url + "/")
        browser.until("document.querySelector('#recent-title + a')")
        # A job that stays as far as it is: no machine is too quick for it.
        browser.js("""{ const job = JSON.stringify({id: '01M85BV3QAE4RGA8GVVP3465ME', status: 'running', created_at: '2026-01-01T00:00:00.000Z', model: 'one', snippets: 500, warnings: [], progress: {chunks_done: 1, chunks: 2}, result: null});
          const scores = JSON.stringify({chunk: 0, start: 0, end: 250, coarse: Array(250).fill(0.75), fine: {labels: ['normal', 'fight'], scores: Array(250).fill([0.25, 0.75])}});
          const own = window.fetch; window.fetch = async (url, more) => (String(url).endsWith('/events') ? new Response(new ReadableStream({start: (stream) => stream.enqueue(new TextEncoder().encode(`event: scores\\ndata: ${scores}\\n\\n`))}))
            : String(url).endsWith('3465ME') ? new Response(job) : own(url, more)); window.went = []; addEventListener('hashchange', (event) => window.went.push(event.newURL)); }""")
        spoken, shown = "document.querySelector('.plot')?.ariaValueText", "[...document.querySelectorAll('.events tbody td')].map(one => one.textContent)"
        for query, word, row in (("", "snippet 0, anomaly 0.750", ["0", "250"]), ("?fps=25", "snippet 0, 0:00.0, anomaly 0.750", ["0:00.0", "2:40.0"])):
            browser.js("location.hash = '#/jobs'")
            browser.until("document.querySelector('#filter-words')")
            browser.js(f"location.hash = '#/job/01M85BV3QAE4RGA8GVVP3465ME{query}'")
            browser.until(f"({shown}).length > 0 && document.querySelector('.chip.running')")
            browser.js("document.querySelector('.plot').focus()")
            browser.key("Home")
            contains(f"the cursor {query or 'without'}", browser.js(spoken), word)
            equal(f"an event {query or 'without'}", browser.js(shown)[:2], row)
        browser.key("ArrowRight")
        check("a link keeps them while it runs", browser.until("location.hash.includes('at=1') && location.hash.includes('fps=25')"))
        browser.js("location.hash = '#/'")
        push(browser, "Score the sample")
        browser.until(DONE)
        check("and who has sent it has them", browser.js("window.went.some(one => /job.*fps=30/.test(one))"))

    with group("many events and many verdicts"):
        found = browser.js("""Promise.all([import('/page/review.js'), import('/page/scores.js')]).then(([{Review, Precisions, Missed, judged}, {Scores, cutEvents}]) => {
          const rows = 100000, cut = {threshold: 0.5, leave: null, min: 1, gap: 0};
          const scores = new Scores(rows, ['normal', 'fight']);
          scores.add(0, Array.from({length: rows}, (_, at) => (at % 2 ? 0.1 : 0.9)), Array.from({length: rows}, () => [0.1, 0.9]));
          // Looks at a verdict are counted, which is the same on any machine.
          let looks = 0;
          const verdict = (start, end, verdict) => ({ get start() { looks += 1; return start; }, get end() { looks += 1; return end; }, verdict, label: null, note: null });
          const review = new Review('none');
          review.verdicts = [verdict(0, rows, 'false_alarm'), ...Array.from({length: 999}, (_, at) => verdict((at * 7919) % rows, (at * 7919) % rows + 2, at % 3 ? 'true_alarm' : 'false_alarm'))];
          const events = cutEvents(scores, cut), now = judged(events, review), once = looks;
          const missed = new Missed(scores, () => 0, () => {});
          missed.show(events, review, String);
          const shown = looks - once;
          new Precisions().table(scores, cut, review, now);
          const table = looks - once - shown;
          // By hand, of some: the most of an event, of equal ones the first.
          const most = (event) => [...review.verdicts].sort((a, b) => a.start - b.start).reduce((best, one) => { const part = Math.min(one.end, event.end) - Math.max(one.start, event.start);
            return part > 0 && (!best || part > best.part) ? {one, part} : best; }, null)?.one;
          const said = review.along(events), wide = {start: 7918, end: 15839};
          const same = events.filter((_, at) => at % 500 === 0).every((event) => said[events.indexOf(event)] === most(event) && review.of(event) === most(event)) && review.of(wide) === most(wide);
          const real = review.verdicts.filter((one) => one.verdict === 'true_alarm'), met = real.filter((one) => events.some((event) => event.start < one.end && event.end > one.start)).length;
          return {events: now.events, said: now.right + now.wrong, once, shown, table, same, met: now.found === met && now.real === real.length};
        })""")
        equal("all of them have a verdict", (found["events"], found["said"]), (50_000, 50_000))
        check("as one by one", found["same"] and found["met"], found)
        check("sorted and walked along once, not all with all", found["once"] < 1_000_000 and found["shown"] < 200_000 and found["table"] < 10_000_000, found)
    with group("a table of very many events"):
        # A job that no server has: as many events as only hours of video have.
        browser.open("about:blank")
        browser.open(server.url + "/")
        browser.until("document.querySelector('#recent-title + a')")
        browser.js("""{ const rows = 60000, labels = ['normal', 'fight'], coarse = Array.from({length: rows}, (_, at) => (at % 2 ? 0.1 : 0.9));
          const result = {snippets: rows, frames_per_snippet: 16, fps: null, coarse, fine: {labels, scores: coarse.map((value) => [1 - value, value])}, video: {coarse: 0.9, label: 'fight', scores: {normal: 0.1, fight: 0.9}},
            segments: [], provenance: {model_sha256: '0'.repeat(64), compute: '', kernels: '', vigil: ''}, timings: {queued_ms: 1, scored_ms: 1}};
          const job = JSON.stringify({id: '01M85BV3QAE4RGA8GVVP3465ME', status: 'succeeded', created_at: '2026-01-01T00:00:00.000Z', model: 'one', snippets: rows, warnings: [], progress: {}, result});
          const own = window.fetch; window.fetch = async (url, more) => (String(url).endsWith('/verdicts') ? new Response('{"verdicts": [], "revision": 1}') : String(url).endsWith('3465ME') ? new Response(job) : own(url, more));
          location.hash = '#/job/01M85BV3QAE4RGA8GVVP3465ME'; }""")
        browser.until(DONE)
        told = "document.querySelector('.turns').textContent.includes('%s')"
        check("shows the first", browser.until(told % "1 to 100 of 30,000"))
        press = "[...document.querySelectorAll('.turns button')].find(one => one.textContent === '%s').click(); document.querySelectorAll('.events tbody tr').length"
        equal("the next ones", browser.js(press % "Later events"), 100)
        check("are said to be those", browser.js(told % "101 to 200 of 30,000"))
        browser.js("document.querySelector('.plot').focus()")
        # The last snippet is in none.
        browser.key("End")
        browser.key("ArrowLeft")
        equal("one that is chosen is among those that are shown", browser.until("document.querySelector('tr.selected')?.firstChild.textContent"), "59,998")
        check("on the last page", browser.js(told % "29,901 to 30,000 of 30,000"))
    browser.open("about:blank")
    browser.open(server.url + "/")
    clean(browser, server, "the rest", but=["404", "412", "422"])

with group("a queue, a failure, a cancelled job"), Server("--workers", "1") as server, Browser() as browser:
    # What holds the worker until it is told to go: longer than any machine takes to open a page.
    holders = [post(server, video(60_000), f"?priority=high&name=holder-{index}")["id"] for index in range(6)]
    late = post(server, sample, "?deadline=0.01&name=late")["id"]
    job = post(server, video(20_000), "?fps=25&name=waits")["id"]
    browser.open(f"{server.url}/#/job/{job}")
    contains("its place", browser.until("document.querySelector('section[aria-label=Progress] h2')?.textContent.includes('in the queue') && document.querySelector('section[aria-label=Progress] h2').textContent"), "Number")
    fit(browser, "a queued job")
    for holder in holders:
        requests.delete(f"{server.url}/jobs/{holder}", timeout=30)
    browser.until(DONE, 180)
    equal("all of it came", browser.js("document.querySelector('.chip.succeeded')?.textContent"), "succeeded")
    browser.open(f"{server.url}/#/job/{late}")
    contains("a failure with its reason", browser.until("document.querySelector('[role=alert]')?.textContent"), "deadline")
    fit(browser, "a failed job")
    first = [post(server, video(60_000), f"?priority=high&name=again-{index}")["id"] for index in range(6)]
    last = post(server, sample)["id"]
    browser.open(f"{server.url}/#/job/{last}")
    browser.until("[...document.querySelectorAll('main button')].some(one => one.textContent === 'Cancel')")
    browser.js("[...document.querySelectorAll('main button')].find(one => one.textContent === 'Cancel').click()")
    equal("cancelled by its button", browser.until("document.querySelector('.chip.cancelled')?.textContent"), "cancelled")
    # One that ends between the press and the server's answer: what was to be cancelled is not forgotten.
    ending = post(server, sample, "?name=ends")["id"]
    browser.open("about:blank")
    browser.open(f"{server.url}/#/job/{ending}")
    browser.until("[...document.querySelectorAll('main button')].some(one => one.textContent === 'Cancel')")
    browser.js("{ const own = window.fetch; window.fetch = async (url, more) => { if (more?.method === 'DELETE') { window.sent = String(url); await new Promise((done) => (window.release = done)); } return own(url, more); }; }")
    push(browser, "Cancel")
    equal("what Cancel asks for", browser.until("window.sent"), f"{server.url}/jobs/{ending}?forget=false")
    for holder in first:
        requests.delete(f"{server.url}/jobs/{holder}", timeout=30)
    while requests.get(f"{server.url}/jobs/{ending}?wait=60", timeout=300).json()["status"] != "succeeded":
        pass
    browser.until("document.querySelector('.chip.succeeded')")
    browser.js("window.release()")
    browser.until("[...document.querySelectorAll('main button')].some(one => one.textContent === 'Forget')")
    equal("is still there", requests.get(f"{server.url}/jobs/{ending}", timeout=60).status_code, 200)
    check("and seen, with nothing refused", browser.until(f"{DONE} && !document.querySelector('main .notice[role=alert]') && location.hash.startsWith('#/job/{ending}')"))
    clean(browser, server, "a queue")

with group("the same job again"), Server() as server, Browser() as browser:
    browser.open("about:blank")
    browser.open(server.url + "/")
    browser.until("document.querySelector('#recent-title + a')")
    browser.js("[...document.querySelectorAll('.drop button')].find(one => one.textContent === 'Score the sample').click()")
    browser.until(DONE)
    first = browser.js("location.hash").partition("?")[0]
    browser.js("document.querySelector('.again').open = true; 0")
    browser.until("document.querySelector('#again-model').options.length > 1")
    fit(browser, "again")
    # The server keeps no uploads, and the page has the file.
    browser.js("document.querySelector('.again button').click()")
    browser.until(f"!location.hash.startsWith('{first}') && {DONE}")
    contains("it is over the first", browser.js("location.hash"), "with=" + first.rpartition("/")[2])
    equal("with the same scores", browser.until("document.querySelector('#other').parentNode.parentNode.textContent.includes('Scores differ by 0.000 in the mean, by 0.000 at most.')"), True)
    # After the page was loaded anew there is no file either.
    place = browser.js("location.hash").partition("?")[0]
    browser.open("about:blank")
    browser.open(f"{server.url}/{place}")
    browser.until(DONE)
    browser.js("document.querySelector('.again').open = true; window.own = document.querySelector('#again-labels').value;"
               " document.querySelector('#again-labels').value = 'normal, smoke'; document.querySelector('.again button').click()")  # fmt: skip
    contains("labels that the model can't encode", browser.until("document.querySelector('.again [role=alert]')?.textContent.includes('text tower') && document.querySelector('.again [role=alert]').textContent"), "text tower")
    browser.js("document.querySelector('#again-labels').value = window.own; document.querySelector('.again button').click()")
    contains("where nobody has them the file is asked for", browser.until("document.querySelector('#again-file') && document.querySelector('.again .notice').textContent"), "keeps its features no more")
    browser.files("#again-file", [SAMPLE])
    browser.until(f"!location.hash.startsWith('{place}') && {DONE}")
    check("and scored", browser.until("document.querySelector('#other').parentNode.parentNode.textContent.includes('Scores differ by 0.000 in the mean')"))
    clean(browser, server, "again", but=["410", "422"])

with group("a key"):
    keys = scratch() / "keys"
    keys.write_text("".join(f"{name}:{hashlib.sha256(secret).hexdigest()}\n" for name, secret in (("alice", b"one"), ("bob", b"two"))))
    with Server("--api-keys", keys) as server, Browser() as browser:
        enter = lambda text: ([browser.key(one) for one in text], browser.key("Enter"))  # noqa: E731
        browser.open(server.url + "/")
        browser.until("document.querySelector('dialog').open")
        fit(browser, "the door")
        equal("nobody was asked in vain", browser.faults(), [])
        enter("onx")
        contains("a wrong key is said to be one", browser.until("document.querySelector('#sign-in-said').textContent"), "no key of this server")
        browser.js("document.querySelector('#key').value = ''")
        enter("one")
        contains("the key opens it", browser.until("document.querySelector('#recent-title')?.parentNode.parentNode.textContent.includes('None yet') && 'in'"), "in")
        browser.js("[...document.querySelectorAll('.drop button')].find(one => one.textContent === 'Score the sample').click()")
        browser.until(DONE)
        link = browser.js("location.href")
        equal("no script sees the cookie", browser.js("document.cookie"), "")
        equal("the key is nowhere", browser.js("(JSON.stringify(localStorage) + JSON.stringify(sessionStorage)).includes('one')"), False)
        cookies = browser.call("Network.getCookies", urls=[server.url])["cookies"]
        equal("one cookie, for this server's pages alone", [(one["name"], one["httpOnly"], one["sameSite"]) for one in cookies], [("vigil-session", True, "Strict")])
        browser.open(server.url + "/docs")
        check("the description with it", browser.until("document.querySelectorAll('article.operation').length > 20"))
        browser.open(link)
        browser.until(DONE)
        check("a page that is loaded anew is in", browser.js("!document.querySelector('dialog').open"))
        equal("who is in", browser.js("document.querySelector('#sign').textContent"), "Sign out alice")
        clean(browser, server, "a key", but=["401"])
        # A page of the same host and another port may send the cookie, as sites go by hosts: the server does not take it.
        with Server("--api-keys", keys) as other:
            # One without a policy of its own.
            browser.open(other.url + "/livez")
            sent = browser.js(f"fetch('{server.url}/jobs', {{credentials: 'include', mode: 'no-cors'}}).then(a => a.type, () => 'refused')")
            check("another port's page reads nothing", sent in ("opaque", "refused"), sent)
            forged = browser.js(f"fetch('{link.replace('/#/job/', '/jobs/').split('?')[0]}', {{method: 'DELETE', credentials: 'include', mode: 'cors'}}).then(a => a.status, () => 'refused')")
            equal("nor deletes anything", forged, "refused")
        browser.open(link)
        browser.until(DONE)
        browser.js("document.querySelector('#sign').click()")
        browser.until("document.querySelector('dialog').open")
        equal("signed out, the cookie is gone", browser.call("Network.getCookies", urls=[server.url])["cookies"], [])
        enter("two")
        contains("another key does not see the job", browser.until("document.querySelector('main [role=alert]')?.textContent"), "job")
        # The key is taken back while the page is open.
        keys.write_text(f"alice:{hashlib.sha256(b'one').hexdigest()}\n")
        browser.until("fetch('/jobs').then(a => a.status === 401)")
        browser.js("location.hash = '#/jobs'")
        check("a key that is taken back closes it", browser.until("document.querySelector('dialog').open"))

with group("a key that may only read"):
    keys = scratch() / "readers"
    lines = {name: f"{name}:{hashlib.sha256(secret).hexdigest()}" for name, secret in (("alice", b"one"), ("board", b"two"))}
    keys.write_text(f"{lines['alice']}\n{lines['board']} role=reader owner=alice\n")
    with Server("--api-keys", keys) as server, Browser() as browser:
        owner = {"Authorization": "Bearer one"}
        job = post(server, sample, "?fps=30", Prefer="wait=60", **owner)
        event = job["result"]["segments"][0]
        missed = {"start": 100, "end": 105, "verdict": "true_alarm", "label": "fall"}
        said = [{"start": event["start"], "end": event["end"], "verdict": "true_alarm", "note": "seen"}, missed]
        requests.put(f"{server.url}/jobs/{job['id']}/verdicts", json={"verdicts": said}, headers={**owner, "If-Match": '"0"'}, timeout=60).raise_for_status()
        enter = lambda text: ([browser.key(one) for one in text], browser.key("Enter"))  # noqa: E731
        browser.open(server.url + "/")
        browser.until("document.querySelector('dialog').open")
        enter("two")
        contains("is told so", browser.until("document.querySelector('#reads-title')?.textContent"), "only read")
        browser.until("document.querySelector('#recent-title') && document.querySelector('tbody tr')")
        equal("nothing is asked for that it can't send", browser.js("document.querySelectorAll('.drop, #files, main form, main details').length"), 0)
        fit(browser, "the start of a reader")
        browser.js(f"location.hash = '#/job/{job['id']}'")
        browser.until(f"{DONE} && document.querySelector('.precisions')")
        browser.key("k")
        contains("what was said is seen", browser.until("document.querySelector('#why-title').textContent.includes('explosion') && document.querySelector('#why-title').closest('section').textContent"), "True alarm, says alice: “seen”")
        contains("what was missed too", browser.js("document.querySelector('#reviewed-title').parentNode.textContent"), "may only read", "fall", "1 true")
        texts = browser.js("[...document.querySelectorAll('main button, main summary')].map(one => one.textContent)")
        equal("no button does what is refused", [one for one in texts if one in ("Cancel", "Forget", "True alarm", "False alarm", "Take back", "Add", "Score it again", "Score again")], [])
        for key in "tf":
            browser.key(key)
        equal("nor does a key", browser.js("[...document.querySelectorAll('#said')].map(one => one.textContent)[0].includes('only read')"), True)
        fit(browser, "a reader's job")
        clean(browser, server, "a reader", but=["401"])
        # What a key may do changes while the page is open.
        keys.write_text(f"{lines['alice']}\n{lines['board']} owner=alice\n")
        browser.until("fetch('/session').then(a => a.json()).then(a => a.role === 'submitter')")
        browser.open("about:blank")
        browser.open(f"{server.url}/#/job/{job['id']}")
        browser.until("[...document.querySelectorAll('main button')].some(one => one.textContent === 'Forget')")
        browser.until(f"{DONE} && document.querySelector('.precisions')")
        keys.write_text(f"{lines['alice']}\n{lines['board']} role=reader owner=alice\n")
        browser.until("fetch('/session').then(a => a.json()).then(a => a.role === 'reader')")
        browser.key("k")
        browser.key("f")
        check("one that has become a reader's is told so once it is refused", browser.until("document.querySelector('#reviewed-title')?.parentNode.textContent.includes('may only read') && ![...document.querySelectorAll('main button')].some(one => one.textContent === 'Forget')"))
        equal("and has changed nothing", requests.get(f"{server.url}/jobs/{job['id']}/verdicts", headers=owner, timeout=60).json()["verdicts"][0]["verdict"], "true_alarm")

with group("a video that is uploaded"), Server() as server, Browser() as browser:
    if requests.get(f"{server.url}/v1/server").json()["videos"]["taken"]:
        press = "[...document.querySelectorAll('button')].find(one => one.textContent === '%s').click(); 0"
        browser.open(server.url)
        check("that videos are taken is said", browser.until("document.querySelector('.drop p').textContent.includes('2.0 GiB')"))
        browser.files("#files", [ROOT / "deploy/demo/sample.mp4"])
        browser.js(press % "Check only")
        browser.until("document.querySelector('.drop .notice')")
        contains("a look at it", browser.js("document.querySelector('.drop .notice').textContent"), "MP4", "h264", "1,856 frames")
        browser.js(press % "Score")
        browser.until(DONE)
        job = requests.get(f"{server.url}{browser.js('location.hash').partition('?')[0].replace('#/job', '/jobs')}").json()
        shown = browser.js("document.querySelector('.plot').ariaValueMax")
        equal("followed while it ran, its curve reaches the end", shown, str(job["snippets"] - 1))
        rows = browser.js("document.querySelectorAll('.events tbody tr').length")
        equal("and all its events are there", rows, len(job["result"]["segments"]))
        pictured = [one for one in job["result"]["segments"] if "thumbnail" in one]
        check("pictures of them were asked for", len(pictured) > 1, job["result"]["segments"])
        browser.until(f"[...document.querySelectorAll('.shot img')].filter(one => one.naturalWidth > 0).length === {len(pictured)}")
        check("and are above the timeline", browser.until("document.querySelectorAll('.shot:not([hidden])').length > 1"))
        # By its place in the video: an event that a picture is of is chosen by it.
        browser.js("[...document.querySelectorAll('.shot:not([hidden])')].at(-1).click()")
        last = job["result"]["segments"][-1]["label"]
        equal("one leads to its event", browser.until("document.querySelector('tr.selected')?.children[2].textContent"), last)
        fit(browser, "a video's job")
        folder = scratch()
        browser.downloads(folder)
        browser.js(press % "Report")
        report = next(iter(browser_waits(lambda: [one for one in folder.glob("*.html") if "</html>" in one.read_text()])), None)
        equal("the report has the pictures", report and report.read_text().count("data:image/jpeg;base64,"), len(pictured))
        browser.js("document.querySelector('.again').open = true; document.querySelector('#threshold-number').value = 0.9; document.querySelector('#threshold-number').dispatchEvent(new Event('change'))")
        browser.js(press % "Score again")
        browser.until(f"!location.hash.includes('/job/{job['id']}') && {DONE}")
        second = requests.get(f"{server.url}{browser.js('location.hash').partition('?')[0].replace('#/job', '/jobs')}?wait=60").json()
        equal("again: of the same features, by none of its frames", second["result"]["provenance"].get("features_of_job"), job["id"])
        contains("over the first, cut as it was shown", browser.js("location.hash"), f"with={job['id']}", "t=0.9")
        clean(browser, server, "a video that is uploaded")
        browser.open(f"{server.url}/#/server")
        check("the server's page tells of videos", browser.until("document.querySelector('#videos-title')"))
    else:
        skip("a video that is uploaded", "needs ffmpeg and bubblewrap")

with group("a video beside the scores"):
    film = scratch() / "film.webm"
    made = shutil.which("ffmpeg") and subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=45", "-c:v", "libvpx", "-g", "10", str(film)],
        capture_output=True, timeout=300).returncode == 0  # fmt: skip
    if not made:
        skip("a video beside the scores", "needs ffmpeg with libvpx")
    else:
        with Server() as server, Browser() as browser:
            job = post(server, sample, "?fps=30", Prefer="wait=60")
            browser.open(f"{server.url}/#/job/{job['id']}")
            browser.until(DONE)
            browser.files(".video input", [film])
            browser.until("document.querySelector('video').readyState > 1")
            browser.key("k")
            second = job["result"]["segments"][0]["start_seconds"]
            check("an event seeks", browser.until(f"Math.abs(document.querySelector('video').currentTime - {second}) < 0.2"))
            browser.js("document.querySelector('video').currentTime = 30")
            equal("the video moves the cursor", browser.until("document.querySelector('.plot').ariaValueNow === '56' && '56'"), "56")
            check("pictures along the strip", browser.until("!document.querySelector('.thumbs').hidden"))
            browser.js("document.querySelector('.plot').focus()")
            for place in ("57", "58", "59", "60"):
                browser.key("ArrowRight")
                equal(f"an arrow goes on to {place}", browser.until(f"!document.querySelector('video').seeking && document.querySelector('.plot').ariaValueNow === '{place}' && '{place}'"), place)
            clean(browser, server, "a video")

finish()
