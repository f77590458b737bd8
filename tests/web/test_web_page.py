"""The page against whoever asks: wrong hosts, other sites, no session, large bodies, many requests."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import threading
import time
from html.parser import HTMLParser
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.extra
SOON_S = 20  # far above what an answer takes on a loaded machine, far below what doing what was asked would
EVIL = "<script>alert(1)</script> =1+1 $x$"
JSON = {"Content-Type": "application/json"}


def ready(served, path="/?scenario=tiny"):
    """The page once its figures are there: what it waits for is listened to until it is over."""
    for _ in range(20):
        status, headers, body = served.ask("GET", path)
        text = body.decode()
        waits = re.search(r'id="progress"[^>]*data-run="([^"]+)"', text)
        if waits is None:
            return status, headers, text
        served.ask("GET", f"/progress/{waits[1]}")
    raise AssertionError("the figures never came")


def test_the_page_shows_what_policies_cost_without_script(served):
    status, headers, text = ready(served)
    assert status == 200
    assert headers["content-type"].startswith("text/html")
    assert "cheapest" in text
    assert "<svg" in text
    assert text.count('<td class="n">') >= 8


def test_a_name_that_is_a_script_is_a_name(served):
    _, _, text = ready(served)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; =1+1 $x$" in text


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_its_own_hosts_are_answered(served, name):
    assert served.ask("GET", "/static/page.css", {"Host": f"{name}:{served.port}"})[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example:{port}",
        "127.0.0.1.attacker.example",
        "127.0.0.1:1",
        "localhost@attacker.example",
        "127.0.0.1",
        "",
    ],
)
def test_any_other_host_is_refused(served, host):
    assert served.ask("GET", "/", {"Host": host.format(port=served.port)})[0] in (400, 403)


def test_a_request_without_a_host_is_refused(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as link:
        link.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert link.recv(100).split()[1] in (b"400", b"403")


@pytest.mark.parametrize("origin", ["http://attacker.example", "null", "https://127.0.0.1:{port}"])
def test_a_post_out_of_another_site_is_refused(served, origin):
    headers = {**served.cookie, **JSON, "Origin": origin.format(port=served.port)}
    assert served.ask("POST", "/run", headers, "{}")[0] == 403


def test_a_post_without_the_session_is_refused(served):
    headers = {**JSON, "Origin": f"http://{served.host}"}
    assert served.ask("POST", "/run", headers, '{"query": ""}')[0] == 403
    assert served.ask("POST", "/run", {**headers, "Cookie": "marketsim=guess"}, '{"query": ""}')[0] == 403


def test_a_post_with_the_cookie_alone_is_refused(served):
    assert served.ask("POST", "/run", {**served.cookie, **JSON}, '{"query": ""}')[0] == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_json_is_taken_as_json_only(served, kind):
    assert served.ask("POST", "/run", {**served.mine, "Content-Type": kind}, "{}")[0] == 415


def test_reading_starts_nothing(served):
    for path in ("/run?scenario=tiny", "/upload", "/download?format=html", "/run-form"):
        assert served.ask("GET", path)[0] in (404, 405)


def test_no_answer_lets_other_sites_read(served):
    status, headers, _ = served.ask("OPTIONS", "/run", {"Origin": "http://attacker.example"})
    assert status == 403
    for _, one, _ in (served.ask("GET", "/"), served.ask("GET", "/nowhere"), (0, headers, b"")):
        assert not [name for name in one if name.startswith("access-control")]
    assert served.ask("GET", "/progress/x", {"Origin": "http://attacker.example"})[0] == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "PATCH"])
def test_other_methods_are_refused(served, method):
    assert served.ask(method, "/")[0] == 405


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd",
        "/static/%2e%2e%2f%2e%2e%2fetc/passwd",
        "/static/..%5c..%5cpage.css",
        "//etc/passwd",
        "/etc/passwd",
        "/static/page.py",
        "/static/",
        "/static/page.css%00",
    ],
)
def test_no_path_leads_to_a_file(served, path):
    status, _, body = served.ask("GET", path)
    assert status == 404
    assert b"root:" not in body


def test_a_file_in_the_address_is_no_question(served):
    status, _, body = served.ask("GET", "/?file=/etc/passwd")
    assert status == 400
    assert b"no such part" in body


def test_every_answer_carries_its_headers(served):
    for path in ("/", "/static/page.css", "/nowhere", "/?policy=none"):
        _, headers, _ = served.ask("GET", path)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe-inline'; img" in headers["content-security-policy"]  # of attributes, not of scripts
        assert "script-src 'self';" in headers["content-security-policy"]
        assert "server" not in headers


def test_the_page_needs_two_requests_beyond_itself(served):
    class Needs(HTMLParser):
        def __init__(self):
            super().__init__()
            self.found = []

        def handle_starttag(self, tag, attrs):
            known = dict(attrs)
            if tag in ("script", "img", "iframe") and "src" in known:
                self.found.append(known["src"])
            if tag == "link":
                self.found.append(known["href"])

    needs = Needs()
    needs.feed(ready(served)[2])
    assert sorted(needs.found) == ["/static/page.css", "/static/page.js", "data:,"]


def test_the_secret_leaves_the_address_and_cannot_be_read_by_script(served):
    status, headers, _ = served.ask("GET", f"/?token={served.token}&scenario=tiny")
    assert status == 303
    assert headers["location"] == "/?scenario=tiny"
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "set-cookie" not in served.ask("GET", "/?token=guess")[1]


def test_a_body_of_two_megabytes_is_refused_at_once(served):
    began = time.monotonic()
    headers = {**served.mine, **JSON}
    try:
        status = served.ask("POST", "/run", headers, b"x" * 2_000_000)[0]
    except (ConnectionError, http.client.HTTPException):
        status = 413  # it hung up while we still sent
    assert status == 413
    assert served.ask("POST", "/run", {**headers, "Content-Length": "1000000000"}, b"x")[0] == 413
    assert time.monotonic() - began < SOON_S


@pytest.mark.slow
def test_a_body_without_an_end_is_cut_off(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as link:
        lines = [f"POST /run HTTP/1.1\r\nHost: {served.host}",
                 f"Origin: http://{served.host}", "Content-Type: application/json",
                 f"Cookie: {served.cookie['Cookie']}", "Transfer-Encoding: chunked", "", ""]  # fmt: skip
        link.sendall("\r\n".join(lines).encode())
        answer = b""
        try:
            for _ in range(400):
                link.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            answer = link.recv(200)
        except OSError:
            answer = answer or b"HTTP/1.1 413"
    assert b"413" in answer
    assert served.ask("GET", "/static/page.css")[0] == 200


def test_half_open_links_do_not_keep_others_out(served):
    links = [socket.create_connection(("127.0.0.1", served.port), timeout=5) for _ in range(50)]
    try:
        for link in links:
            link.sendall(b"GET / HTTP/1.1\r\nHost: ")
        began = time.monotonic()
        assert served.ask("GET", "/static/page.css")[0] == 200
        assert time.monotonic() - began < SOON_S
    finally:
        for link in links:
            link.close()


def upload(served, text: str | bytes, name: str = "mine.yaml", kind: str = "application/yaml"):
    content = text.encode() if isinstance(text, str) else text
    body = (
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
    ).encode()
    body += content + b"\r\n--x--\r\n"
    return served.ask("POST", "/upload", {**served.mine, "Content-Type": "multipart/form-data; boundary=x"}, body)


def test_a_scenario_of_ones_own_is_shown(served, text):
    status, headers, _ = upload(served, text.replace("cheapest:", "my-rule:"))
    assert status == 303
    assert "my-rule" in ready(served, headers["location"])[2]


def test_a_scenario_that_is_a_bomb_or_names_files_is_refused_with_a_line(served):
    began = time.monotonic()
    bomb = "a: &a [x, x]\n" + "\n".join(f"b{i}: &b{i} [*a, *a]" for i in range(50))
    status, _, body = upload(served, bomb)
    assert status == 400
    assert time.monotonic() - began < SOON_S
    status, _, body = upload(served, "name: x\ndemand: {a: {kind: trace, file: /etc/passwd}}\nsupply: {}\n")
    assert status == 400
    assert b"may not name files" in body
    assert b"/tmp" not in body
    assert upload(served, b"\x80\x04\x95pickle", "x.pkl", "application/octet-stream")[0] == 415


def test_a_run_streams_its_progress_and_is_then_shown(served):
    status, _, body = served.ask("POST", "/run", {**served.mine, **JSON}, json.dumps({"query": "scenario=tiny&n=30"}))
    assert status == 202
    told = json.loads(body)
    _, headers, events = served.ask("GET", f"/progress/{told['id']}")
    assert headers["content-type"].startswith("text/event-stream")
    states = [json.loads(line[6:]) for line in events.decode().splitlines() if line.startswith("data: ")]
    assert states[-1]["state"] == "done"
    assert states[-1]["done"] == states[-1]["total"] == 60
    _, _, text = ready(served, told["see"])
    assert "Means of 30 replications" in text
    assert "P10–P90" in text


def test_a_run_from_the_form_needs_no_script(served):
    status, headers, _ = served.post("/run-form", "scenario=tiny&policy=cheapest&n=12&lang=zh")
    assert status == 303
    text = ready(served, headers["location"])[2]
    assert '<html lang="zh-CN">' in text
    assert "12 次重复" in text


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("scenario=tiny&policy=nobody", "no policy has this name"),
        ("scenario=tiny&n=1000000000", "1 to 2,000"),
        ("x=1", "no such part"),
    ],
)
def test_a_run_of_the_impossible_is_refused(served, query, what):
    status, _, body = served.ask("POST", "/run", {**served.mine, **JSON}, json.dumps({"query": query}))
    assert status == 400
    assert what in body.decode()


def test_a_pinned_base_is_compared_with(served):
    base = quote("scenario=tiny&policy=cheapest&n=2")
    _, _, text = ready(served, f"/?scenario=tiny&policy=cheapest&n=2&set.supply.cloud.usd_per_gpu_hour=8&pin={base}")
    assert re.search(r'<span class="change">\+\$', text)


@pytest.mark.parametrize("form", ["html", "pdf", "deck", "xlsx", "scenario"])
def test_downloads_come_as_one_file_with_a_harmless_name(served, form):
    status, headers, body = served.post("/download", f"scenario=tiny&n=2&format={form}")
    assert status == 200, body
    starts = {"html": b"<!doctype", "pdf": b"%PDF-", "deck": b"PK", "xlsx": b"PK", "scenario": b"schema_version"}
    assert body.startswith(starts[form])
    name = headers["content-disposition"]
    assert re.fullmatch(r"attachment; filename=\"[A-Za-z0-9._-]+\"; filename\*=UTF-8''[A-Za-z0-9._%-]+", name)


@pytest.mark.slow
def test_a_run_can_be_called_off(served):
    asked = json.dumps({"query": "scenario=tiny&n=2000"})
    status, _, body = served.ask("POST", "/run", {**served.mine, **JSON}, asked)
    assert status == 202
    id = json.loads(body)["id"]
    assert served.ask("POST", "/cancel", {**served.mine, **JSON}, json.dumps({"id": id}))[0] == 200
    _, _, events = served.ask("GET", f"/progress/{id}")
    states = [json.loads(line[6:])["state"] for line in events.decode().splitlines() if line.startswith("data: ")]
    assert states[-1] == "cancelled"
    ready(served)


@pytest.mark.slow
def test_two_hundred_at_once_are_answered_or_told_to_wait(served):
    found: list[int] = []

    def ask(place: int) -> None:
        query = f"scenario=tiny&policy=cheapest&n={20 + place % 150}"
        try:
            found.append(served.ask("POST", "/run", {**served.mine, **JSON}, json.dumps({"query": query}))[0])
        except OSError:
            found.append(0)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(200)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert set(found) <= {202, 429}
    assert 429 in found
    assert served.ask("GET", "/static/page.css")[0] == 200


def test_an_error_of_ours_shows_no_inside(served):
    status, _, body = served.ask("POST", "/run", {**served.mine, **JSON}, "[" * 100_000)
    assert status == 400
    assert b"Traceback" not in body
    assert b".py" not in body


def test_only_this_machine_is_served():
    from marketsim.errors import InputError
    from marketsim.web.serve import serve

    with pytest.raises(InputError, match="for this machine alone"):
        serve(host="0.0.0.0")


def test_a_port_in_use_is_told_in_one_line(served):
    from marketsim.errors import InputError
    from marketsim.web.serve import serve

    with pytest.raises(InputError, match="cannot listen") as told:
        serve(port=served.port)
    assert len(told.value.lines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_port_and_leaves_nothing_behind(start_page, tmp_path, how):
    made = start_page(tmp_path)
    made.ask("GET", "/?scenario=tiny")
    made.process.send_signal(how)
    assert made.process.wait(timeout=SOON_S) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", made.port), timeout=1)
    assert "Traceback" not in made.process.stderr.read()
