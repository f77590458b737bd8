"""The page's routes: an address computes a little and changes nothing; runs, uploads and downloads are posts."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl, quote

from marketsim import plain_yaml, scenario
from marketsim.errors import InputError, MarketsimError
from marketsim.scenario import Scenario
from marketsim.web import asked as asking
from marketsim.web import guard, page
from marketsim.web.asked import Asked
from marketsim.web.bench import Bench, Full, Run, Task

WAIT_S = 0.9  # that an address waits for its figures before it answers without them
MOST_UPLOADS = 20
FORMATS = {"html": "text/html", "pdf": "application/pdf", "deck": "", "xlsx": "", "scenario": "application/yaml"}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_TYPES = {"deck": f"{_OFFICE}presentationml.presentation", "xlsx": f"{_OFFICE}spreadsheetml.sheet"}
_ENDINGS = {"html": "html", "pdf": "pdf", "deck": "pptx", "xlsx": "xlsx", "scenario": "yaml"}


@dataclass(frozen=True)
class Source:
    """A scenario that may be asked for: its text, and the folder that its file names are relative to."""

    text: str
    folder: str | None


@dataclass
class Page:
    """What the page knows: scenarios by name, the bench, the session's secret."""

    sources: OrderedDict[str, Source]
    bench: Bench
    token: str
    wait_s: float = WAIT_S
    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: dict[Source, Scenario] = field(default_factory=dict)
    drawn: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def load(self, name: str) -> Scenario:
        """A scenario by name, read once."""
        source = self.sources[name]
        if source not in self.loaded:
            self.loaded[source] = scenario.loads(source.text, source.folder)
        return self.loaded[source]

    def task(self, question: Asked, example: bool = False) -> Task:
        """The simulation that a question needs."""
        source = self.sources[question.scenario]
        edits = asking.edits(question, self.load(question.scenario))
        return Task(source.text, source.folder, tuple(sorted(edits.items())), question.policies, question.n, example)

    def changed(self, question: Asked) -> Scenario:
        """The scenario with the question's sliders."""
        edits = asking.edits(question, self.load(question.scenario))
        found = self.load(question.scenario)
        return found.changed(edits) if edits else found

    def add(self, text: str) -> str:
        """Keep an uploaded scenario and give it a name. Raises InputError where it is none, or names a file."""
        document = plain_yaml.parse(text)
        asking.safe_upload(document.data)
        found = scenario.loads(text, _empty_folder())
        name = f"upload-{found.digest[:8]}"
        with self.lock:
            self.sources[name] = Source(text, _empty_folder())
            self.loaded[self.sources[name]] = found
            mine = [key for key in self.sources if key.startswith("upload-")]
            for old in mine[:-MOST_UPLOADS]:
                del self.sources[old]
        return name


def _empty_folder() -> str:
    global _EMPTY
    if _EMPTY is None:
        _EMPTY = tempfile.TemporaryDirectory(prefix="marketsim-")
    return _EMPTY.name


_EMPTY: tempfile.TemporaryDirectory[str] | None = None


def make(
    sources: Mapping[str, Source], hosts: frozenset[str], token: str | None = None, bench: Bench | None = None
) -> Any:
    """The ASGI application. sources: scenario name -> text and folder; hosts: the values of Host that are ours.

    Its `state.page` is the `Page`; `page.bench.close()` ends what runs.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.routing import Route

    known = Page(OrderedDict(sources), bench or Bench(), token or guard.new_token())
    handlers: dict[Any, Any] = {
        InputError: _said(400),
        Full: _said(429),
        HTTPException: _http,
        Exception: _broken,
    }
    routes = [
        Route("/", _with(known, home), methods=["GET"]),
        Route("/static/{name}", static, methods=["GET"]),
        Route("/progress/{id}", _with(known, progress), methods=["GET"]),
        Route("/run", _with(known, run_json), methods=["POST"]),
        Route("/run-form", _with(known, run_form), methods=["POST"]),
        Route("/cancel", _with(known, cancel_json), methods=["POST"]),
        Route("/cancel-form", _with(known, cancel_form), methods=["POST"]),
        Route("/upload", _with(known, upload), methods=["POST"]),
        Route("/download", _with(known, download), methods=["POST"]),
    ]
    logging.getLogger("uvicorn.error").addFilter(_no_traceback)
    app = Starlette(
        routes=routes,
        middleware=[Middleware(guard.Guard, hosts=hosts, token=known.token)],
        exception_handlers=handlers,
    )
    app.state.page = known
    return app


def _no_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


def _with(known: Page, handler: Any) -> Any:
    async def answer(request: Any) -> Any:
        return await handler(known, request)

    return answer


# ------------------------------------------------------------------------------------------------ the page


async def home(known: Page, request: Any) -> Any:
    """The page for a question; with `part=1` only its figures, for the script to put in place."""
    from starlette.responses import HTMLResponse

    query = parse_qsl(request.url.query, keep_blank_values=True, max_num_fields=400)
    given = dict(query).get("token")
    if given is not None:
        return _welcome(known, query, given)
    question = asking.read(query, known.sources, known.load, asking.MOST_RUN)
    run = known.bench.get(question.run) if question.run else None
    if run is None:
        if question.n > asking.MOST_QUICK:
            question = asking.read(
                [*((k, v) for k, v in query if k != "n"), ("n", str(asking.MOST_QUICK))], known.sources, known.load
            )
        run = known.bench.ask(known.task(question))
        pinned = await asyncio.to_thread(_pinned, known, question)
        await asyncio.to_thread(run.finished.wait, known.wait_s)
    else:
        pinned = await asyncio.to_thread(_pinned, known, question)
    part = dict(query).get("part") == "1"
    text = await asyncio.to_thread(partial(page.render, known, question, run, pinned, part))
    return HTMLResponse(text, status_code=400 if run.state == "failed" and run.fault else 200)


def _welcome(known: Page, query: list[tuple[str, str]], given: str) -> Any:
    """The printed address: the secret becomes a cookie and leaves the address."""
    import hmac
    from urllib.parse import urlencode

    from starlette.responses import RedirectResponse

    rest = urlencode([(key, value) for key, value in query if key != "token"])
    answer = RedirectResponse(f"/?{rest}" if rest else "/", status_code=303)
    if hmac.compare_digest(given.encode(), known.token.encode()):
        answer.set_cookie(guard.COOKIE, known.token, httponly=True, samesite="strict", path="/")
    return answer


def _pinned(known: Page, question: Asked) -> tuple[Asked, Run] | None:
    """The question that is pinned to be compared with, and its run."""
    if not question.pin:
        return None
    pairs = [(key, value) for key, value in parse_qsl(question.pin, max_num_fields=400) if key not in ("pin", "run")]
    other = asking.read(pairs, known.sources, known.load)
    run = known.bench.ask(known.task(other))
    run.finished.wait(known.wait_s)
    return other, run


async def static(request: Any) -> Any:
    """The page's style and script, and nothing else."""
    from starlette.exceptions import HTTPException
    from starlette.responses import Response

    types = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
    name = request.path_params["name"]
    if name not in types:
        raise HTTPException(404)
    content = (resources.files("marketsim.web") / "static" / name).read_bytes()
    return Response(content, headers={"content-type": types[name]})


async def progress(known: Page, request: Any) -> Any:
    """How far a run is, as server-sent events, until it is over."""
    from starlette.exceptions import HTTPException
    from starlette.responses import StreamingResponse

    run = known.bench.get(request.path_params["id"])
    if run is None:
        raise HTTPException(404)

    async def events() -> AsyncIterator[str]:
        last = ""
        while True:
            state = {"state": run.state, "done": run.done, "total": run.total, "error": run.error}
            text = json.dumps(state)
            if text != last:
                yield f"data: {text}\n\n"
                last = text
            if run.finished.is_set() and run.state not in ("waiting", "running"):
                return
            await asyncio.sleep(0.15)

    return StreamingResponse(events(), headers={"content-type": "text/event-stream"})


# ------------------------------------------------------------------------------------------------ posts


async def run_json(known: Page, request: Any) -> Any:
    """Begin a run: `{"query": "scenario=...&n=200"}`; its id and where it can be seen."""
    from starlette.responses import JSONResponse

    data = await _json(request)
    run, question = _begin(known, parse_qsl(str(data.get("query", "")), max_num_fields=400))
    return JSONResponse({"id": run.id, "see": f"/?{question.query(run=run.id)}"}, status_code=202)


async def run_form(known: Page, request: Any) -> Any:
    """Begin a run from the form, without script."""
    from starlette.responses import RedirectResponse

    form = await request.form(max_files=0, max_fields=400)
    run, question = _begin(known, [(key, str(value)) for key, value in form.multi_items()])
    return RedirectResponse(f"/?{question.query(run=run.id)}", status_code=303)


def _begin(known: Page, query: list[tuple[str, str]]) -> tuple[Run, Asked]:
    question = asking.read(query, known.sources, known.load, asking.MOST_RUN)
    return known.bench.ask(known.task(question, example=True)), question


async def cancel_json(known: Page, request: Any) -> Any:
    """Call a run off: `{"id": ...}`."""
    from starlette.responses import JSONResponse

    data = await _json(request)
    run = known.bench.get(str(data.get("id", "")))
    if run is not None:
        known.bench.cancel(run)
    return JSONResponse({"cancelled": run is not None})


async def cancel_form(known: Page, request: Any) -> Any:
    """Call a run off from the form, without script."""
    from starlette.responses import RedirectResponse

    form = await request.form(max_files=0, max_fields=400)
    query = [(key, str(value)) for key, value in form.multi_items()]
    question = asking.read(query, known.sources, known.load, asking.MOST_RUN)
    run = known.bench.get(question.run)
    if run is not None:
        known.bench.cancel(run)
    return RedirectResponse(f"/?{question.query(run='')}", status_code=303)


async def upload(known: Page, request: Any) -> Any:
    """Take a scenario as a file of the form or as its field `text`; then show it."""
    from starlette.exceptions import HTTPException
    from starlette.responses import RedirectResponse

    form = await request.form(max_files=1, max_fields=10)
    given = form.get("file")
    if given is not None and not isinstance(given, str):
        if not str(given.filename or "").lower().endswith((".yaml", ".yml", "")) or _binary(given):
            raise HTTPException(415)
        content = await given.read()
    else:
        content = str(form.get("text", "")).encode()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise HTTPException(415) from None
    name = await asyncio.to_thread(known.add, text)
    lang = str(form.get("lang", "en"))
    return RedirectResponse(f"/?scenario={name}&lang={quote(lang)}", status_code=303)


def _binary(given: Any) -> bool:
    name, kind = str(given.filename or "").lower(), str(given.content_type or "").lower()
    texts = (
        "",
        "application/octet-stream",
        "application/yaml",
        "application/x-yaml",
        "text/yaml",
        "text/plain",
        "text/x-yaml",
    )
    return bool(name) and (not name.endswith((".yaml", ".yml")) or kind not in texts)


async def download(known: Page, request: Any) -> Any:
    """A report, PDF, deck, workbook or the scenario of a question, as a file."""
    from starlette.responses import Response

    form = await request.form(max_files=0, max_fields=400)
    query = [(key, str(value)) for key, value in form.multi_items()]
    form_wanted = dict(query).get("format", "html")
    if form_wanted not in FORMATS:
        from marketsim.errors import Fault

        raise InputError(Fault("no such format", got=form_wanted[:20], allowed=", ".join(FORMATS)))
    question = asking.read(query, known.sources, known.load, asking.MOST_RUN)
    content, slug = await asyncio.to_thread(_file, known, question, form_wanted)
    name = f"{slug}{'.zh' if question.lang == 'zh' else ''}.{_ENDINGS[form_wanted]}"
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "-._") else "-" for char in name)
    headers = {
        "content-type": _TYPES.get(form_wanted) or FORMATS[form_wanted],
        "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
    }
    return Response(content, headers=headers)


def _file(known: Page, question: Asked, form: str) -> tuple[bytes, str]:
    """The bytes of a download, and the scenario's name as a file's name."""
    found = known.changed(question)
    if form == "scenario":
        return scenario.dump(found).encode(), found.slug
    run = known.bench.get(question.run) if question.run else None
    if run is None or run.results is None:
        quick = question if question.n <= asking.MOST_QUICK else None
        run = known.bench.ask(known.task(quick or _fewer(question), example=True))
        run.finished.wait(known.bench.run_s)
    if run.results is None:
        raise InputError(run.error or "there are no figures to write")
    return page.document_bytes(found, run, question.lang, form), found.slug


def _fewer(question: Asked) -> Asked:
    from dataclasses import replace

    return replace(question, n=asking.MOST_QUICK)


async def _json(request: Any) -> dict[str, Any]:
    try:
        data = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise InputError("the body is no JSON") from None
    if not isinstance(data, dict):
        raise InputError("the body is no JSON object")
    return data


# ------------------------------------------------------------------------------------------------ errors


def _said(status: int) -> Any:
    async def answer(_request: Any, error: MarketsimError) -> Any:
        from starlette.responses import PlainTextResponse

        lines = error.lines() if isinstance(error, InputError) else [str(error)]
        return PlainTextResponse("\n".join(lines[:10]) + "\n", status_code=status)

    return answer


async def _http(_request: Any, error: Any) -> Any:
    from starlette.responses import PlainTextResponse

    words = {
        404: "there is nothing here",
        405: "no such method",
        413: "the body is too large",
        415: "a text file is taken here",
    }
    return PlainTextResponse(words.get(error.status_code, "refused") + "\n", status_code=error.status_code)


async def _broken(_request: Any, _error: Exception) -> Any:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse("something went wrong here; the page goes on\n", status_code=500, headers=guard.HEADERS)
