"""The page as `marketsim serve` serves it: a process of its own, a tiny scenario, a session."""

from __future__ import annotations

import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

TEXT = """
name: "<script>alert(1)</script> =1+1 $x$"
horizon: 10 d
demand:
  work:
    kind: experiments
    arrivals: {kind: poisson, per_day: 3}
    work_gpu_hours: {kind: lognormal, median: 4, p90: 12}
    reference_gpu: H100
    deadline: {kind: after_arrival, within: 12 h, usd_per_late_day: 50, usd_at_most: 500}
supply:
  cloud: {kind: on_demand, provider: Cloud, shape: {gpu: H100, gpus: 1}, usd_per_gpu_hour: 2.0}
policies:
  cheapest: {placement: {kind: cheapest_feasible}}
  on-demand: {placement: {kind: on_demand_only}}
"""
PROGRAM = """
import sys
from marketsim.web.serve import serve
if __name__ == "__main__":
    sys.exit(serve([sys.argv[1]], port=int(sys.argv[2]), say=lambda line: print(line, flush=True)))
"""


@pytest.fixture
def text() -> str:
    """The scenario that is served."""
    return TEXT


@dataclass
class Served:
    """A page that runs: its port, its session, and requests to it."""

    process: subprocess.Popen
    port: int
    token: str
    cookie: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def mine(self) -> dict[str, str]:
        """Headers of a post out of the page itself."""
        return {**self.cookie, "Origin": f"http://{self.host}"}

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | str | None = None):
        """Status, headers (lower case) and text of an answer."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=180)
        try:
            link.putrequest(method, path, skip_host="Host" in (headers or {}), skip_accept_encoding=True)
            data = body.encode() if isinstance(body, str) else body
            for name, value in (headers or {}).items():
                if value:
                    link.putheader(name, value)
            if data is not None and "Content-Length" not in (headers or {}):
                link.putheader("Content-Length", str(len(data)))
            link.endheaders(data)
            answer = link.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            link.close()

    def post(self, path: str, form: str, **headers: str):
        """A form out of the page itself."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, {**self.mine, **kind, **headers}, form)


def start(folder: pathlib.Path, port: int = 0) -> Served:
    file, program = folder / "tiny.yaml", folder / "program.py"
    file.write_text(TEXT)
    program.write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, str(program), str(file), str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    found = re.search(r":(\d+)/\?token=(\S+)", line)
    assert found, f"{line!r} {process.stderr.read()[-2000:]}"
    made = Served(process, int(found[1]), found[2])
    status, headers, _ = made.ask("GET", f"/?token={made.token}")
    assert status == 303
    made.cookie = {"Cookie": headers["set-cookie"].split(";")[0]}
    return made


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    pytest.importorskip("uvicorn")
    made = start(tmp_path_factory.mktemp("page"))
    yield made
    made.process.send_signal(signal.SIGTERM)
    try:
        made.process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        made.process.kill()


@pytest.fixture(scope="session")
def start_page():
    return start


@pytest.fixture(scope="session")
def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser of the system; skipped without one, failing in CI."""
    import shutil

    pytest.importorskip("playwright", reason="playwright is not installed")
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    reason = "no Chromium is installed"
    pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    raise AssertionError
