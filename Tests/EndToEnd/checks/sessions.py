"""Sessions as pages have them: a cookie for a key, and nothing for who only has the cookie's name, its past or another site."""

import hashlib
import http.client
import json
import time

from support.harness import check, contains, equal, finish, group, need, scratch

need("sessions", "numpy")

from support import features, unseen  # noqa: E402
from support.process import Server  # noqa: E402

folder = scratch()
keys = folder / "keys"
VIDEO = features.npy(features.video(30))


def line(name, key, more=""):
    return f"{name}:{hashlib.sha256(key.encode()).hexdigest()}{more}"


def write(*lines):
    new = folder / "new"
    new.write_bytes(unseen.filled("".join(one + "\n" for one in lines)))
    new.rename(keys)


def until(holds, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


class Answer:
    def __init__(self, answer):
        self.status, self.body = answer.status, answer.read()
        self.fields = {name.lower(): value for name, value in answer.getheaders()}

    def json(self):
        return json.loads(self.body)

    @property
    def cookie(self):
        """`name=value` of the cookie that it sets, and what more is said of it."""
        first, *rest = self.fields["set-cookie"].split("; ")
        return first, rest


def ask(server, method, path, cookie=None, key=None, body=None, origin="own", **fields):
    """As a page of the server's own asks, unless another origin is said."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    if origin:
        headers["Origin"] = server.url if origin == "own" else origin
    if cookie:
        headers["Cookie"] = cookie
    if key:
        headers["Authorization"] = f"Bearer {key}"
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.request(method, path, body, headers)
    return Answer(connection.getresponse())


def sign_in(server, key, **more):
    answer = ask(server, "POST", "/session", key=key, **more)
    return answer.cookie[0] if answer.status == 200 else answer


ALL = [line("alice", "one"), line("bob", "two", " role=reader owner=alice"), line("carol", "three"), line("root", "four", " role=admin")]
write(*ALL)
log = folder / "access.log"
audit = folder / "audit.log"
with Server("--api-keys", keys, "--access-log", log, "--audit-log", audit, "--log-level", "trace") as server:
    with group("signing in"):
        nobody = {"key_needed": True, "key": None, "role": None, "expires_at": None}
        equal("nobody is in", ask(server, "GET", "/session").json(), nobody)
        equal("not with a wrong key", ask(server, "POST", "/session", key="none").status, 401)
        equal("nor with none", ask(server, "POST", "/session").status, 401)
        answer = ask(server, "POST", "/session", key="one")
        equal("with a key", (answer.status, answer.json()["key"], answer.json()["role"]), (200, "alice", "submitter"))
        cookie, rest = answer.cookie
        equal("the cookie is for this host's pages alone", rest, ["Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=28800"])
        equal("no cache keeps it", answer.fields["cache-control"], "no-store")
        equal("who is in", ask(server, "GET", "/session", cookie).json()["key"], "alice")
        equal("a proxy that speaks TLS: for TLS alone", ask(server, "POST", "/session", key="one", origin="https://" + server.url.split("//")[1]).cookie[1][-1], "Secure")

    with group("all that a page asks for"):
        job = ask(server, "POST", "/score?fps=30", cookie, body=VIDEO, Content_Type="application/x-npy", Prefer="wait=60").json()
        equal("a job is scored", (job["status"], job["owner"]), ("succeeded", "alice"))
        for path in ("/jobs", f"/jobs/{job['id']}", f"/jobs/{job['id']}/events", "/v1/models", "/v1/server", "/openapi.yaml", "/readyz"):
            equal(path, ask(server, "GET", path, cookie).status, 200)
        answer = ask(server, "GET", "/jobs", cookie)
        equal("what is the key's is for no shared cache", (answer.fields["cache-control"], "Cookie" in answer.fields["vary"]), ("private", True))
        equal("metrics are not for this key", ask(server, "GET", "/metrics", cookie).status, 403)

    with group("roles and owners are the key's"):
        reader, other, root = (sign_in(server, key) for key in ("two", "three", "four"))
        equal("a reader reads its owner's", ask(server, "GET", f"/jobs/{job['id']}", reader).status, 200)
        equal("and changes nothing", ask(server, "DELETE", f"/jobs/{job['id']}", reader).json()["type"], "/problems/role-forbids")
        equal("another owner sees nothing", ask(server, "GET", f"/jobs/{job['id']}", other).status, 404)
        equal("an admin sees all", ask(server, "GET", f"/jobs/{job['id']}", root).status, 200)
        equal("a reader signs out", ask(server, "DELETE", "/session", reader).status, 204)
        equal("and is out", ask(server, "GET", "/jobs", reader).status, 401)

    with group("another site's page"):
        for origin in ("http://evil.example", "null", f"http://{server.host}:{server.port + 1}", f"http://localhost:{server.port}"):
            equal(f"{origin} deletes nothing", ask(server, "DELETE", f"/jobs/{job['id']}", cookie, origin=origin).status, 403)
            equal(f"{origin} reads nothing", ask(server, "GET", "/jobs", cookie, origin=origin).status, 401)
            equal(f"{origin} signs nobody out", ask(server, "DELETE", "/session", cookie, origin=origin).status, 403)
            equal(f"{origin} signs nobody in", ask(server, "POST", "/session", key="three", origin=origin).status, 403)
        equal("nor by what a browser says without Origin", ask(server, "GET", "/jobs", cookie, origin=None, Sec_Fetch_Site="same-site").status, 401)
        equal("what changes something has to say whose page it is", ask(server, "DELETE", f"/jobs/{job['id']}", cookie, origin=None).status, 401)
        equal("an address that is typed may be looked at", ask(server, "GET", "/jobs", cookie, origin=None, Sec_Fetch_Site="none").status, 200)
        equal("nothing has happened", ask(server, "GET", f"/jobs/{job['id']}", cookie).status, 200)

    with group("tokens that are none"):
        name, token = cookie.split("=")
        turned = token[:-1] + ("0" if token[-1] != "0" else "1")
        for wrong in (turned, token[:-1], token + "0", token.upper() if token.upper() != token else "x", "", "alice", "one", hashlib.sha256(token.encode()).hexdigest()):
            equal("a token that is nearly one", ask(server, "GET", "/jobs", f"{name}={wrong}").status, 401)
        answer = ask(server, "GET", "/jobs", f"{name}={turned}")
        contains("says so", answer.json()["detail"], "session")
        equal("two that differ", ask(server, "GET", "/jobs", f"{cookie}; {name}={turned}").status, 401)
        equal("a good key beside a bad cookie", ask(server, "GET", "/jobs", f"{name}={turned}", key="one").status, 200)

    with group("no fixation"):
        equal("a cookie begins no session", ask(server, "POST", "/session", cookie).status, 401)
        planted = f"{name}={'a' * 64}"
        new = sign_in(server, "one", cookie=planted)
        check("a planted token is not taken over", new not in (planted, cookie))
        equal("it is good for nothing", ask(server, "GET", "/jobs", planted).status, 401)
        newer = sign_in(server, "one", cookie=new)
        equal("signing in again ends the session of before", [ask(server, "GET", "/jobs", one).status for one in (new, newer, cookie)], [401, 200, 200])

    with group("signing out"):
        answer = ask(server, "DELETE", "/session", newer)
        equal("the browser forgets it", (answer.status, answer.cookie[0], answer.cookie[1][-1]), (204, f"{name}=", "Max-Age=0"))
        equal("a stolen copy is good for nothing", ask(server, "GET", "/jobs", newer).status, 401)
        equal("once more", ask(server, "DELETE", "/session", newer).status, 204)
        again = sign_in(server, "one")
        equal("beside a cookie that was planted", ask(server, "DELETE", "/session", f"{again}; {planted}").status, 204)
        equal("it is good for nothing either", ask(server, "GET", "/jobs", again).status, 401)
        equal("others are still in", ask(server, "GET", "/jobs", cookie).status, 200)

    with group("a key that is taken back"):
        write(*ALL[:2], line("carol", "five"), ALL[3])
        check("another secret ends its sessions", until(lambda: ask(server, "GET", "/jobs", other).status == 401))
        write(line("alice", "one", " revoked=2026-01-01"), *ALL[1:])
        check("revoking too, within seconds", until(lambda: ask(server, "GET", "/jobs", cookie).status == 401))
        equal("nobody is in", ask(server, "GET", "/session", cookie).json(), nobody)
        equal("others are", ask(server, "GET", "/jobs", root).status, 200)

    with group("what is written down"):
        equal("it ends as ever", server.stop(), 0)
        lines = [json.loads(one) for one in audit.read_text().splitlines()]
        submitted = [one for one in lines if one["action"] == "submit"]
        equal("the audit log has the key's name", [one["key"] for one in submitted], ["alice"])
        text = server.text() + log.read_text() + audit.read_text()
        secrets = [one for one in (token, "Cookie", "Set-Cookie", name, hashlib.sha256(token.encode()).hexdigest()) if one.lower() in text.lower()]
        equal("no token and no cookie is in any log", secrets, [])

with group("guessing"):
    write(line("alice", "one"))
    with Server("--api-keys", keys, "--rate-limit", "1", "--rate-burst", "5") as server:
        begun, found = time.monotonic(), []
        while not found or found[-1] == 401:
            found.append(ask(server, "GET", "/jobs", f"vigil-session={len(found):064x}").status)
        took = time.monotonic() - begun
        check("is limited as that of keys", 6 <= len(found) <= 6 + took and found[-1] == 429, f"{found} in {took:.2f} s")
        equal("a session's requests count for its key", ask(server, "GET", "/jobs", sign_in(server, "one")).status, 200)

with group("without keys"):
    with Server() as server:
        equal("nobody is asked for one", ask(server, "GET", "/session").json()["key_needed"], False)
        equal("nor can sign in", ask(server, "POST", "/session", key="one").status, 404)
        equal("a cookie of elsewhere does no harm", ask(server, "GET", "/jobs", "vigil-session=x").status, 200)

finish()
