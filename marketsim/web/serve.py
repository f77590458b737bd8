"""`marketsim serve`: the page on a loopback port, until it is told to stop."""

from __future__ import annotations

import contextlib
import pathlib
import socket
from collections.abc import Callable, Sequence
from typing import Any

from marketsim import files, scenario, shipped
from marketsim.errors import Fault, InputError, MissingExtra

LOOPBACK = ("127.0.0.1", "::1", "localhost")
PORT = 8765


def serve(
    paths: Sequence[str | pathlib.Path] = (),
    host: str = "127.0.0.1",
    port: int = PORT,
    remote: bool = False,
    say: Callable[[str], None] = print,
) -> int:
    """Serve the scenarios of `paths` and those that come with marketsim, and print the address; 0 when stopped.

    host: a loopback address; another one only with `remote`, for who knows what that means. port 0 takes a free one.
    Raises InputError for a scenario that is wrong, a host that is refused, a port in use; MissingExtra without `[web]`.
    """
    try:
        import uvicorn

        from marketsim.web import app
    except ImportError as error:
        raise MissingExtra(error.name or "starlette", "web") from None
    if host not in LOOPBACK and not remote:
        what = "the page is for this machine alone, and has no users and no encryption"
        raise InputError(Fault(what, key="--host", got=host, allowed=", ".join(LOOPBACK), hint="See --i-know."))
    sources = {path.stem: source_of(path) for path in map(pathlib.Path, paths)}
    for name in shipped.names():
        sources.setdefault(name, source_of(shipped.path(name)))
    taken = listen(host, port)
    port = taken.getsockname()[1]
    from marketsim.web import guard

    made = app.make(sources, guard.hosts_of(host, port))
    known = made.state.page
    shown = f"[{host}]" if ":" in host else host
    say(f"http://{shown}:{port}/?token={known.token}")
    config = uvicorn.Config(
        made,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=32_768,
        ws="none",
    )
    try:
        _server(config).run(sockets=[taken])
    finally:
        known.bench.close()
        with contextlib.suppress(OSError):
            taken.close()
    return 0


def source_of(path: pathlib.Path) -> Any:
    """A scenario's file, checked, with the folder that its names are relative to."""
    from marketsim.web.app import Source

    path = shipped.found(path)
    scenario.load(path)
    return Source(files.read_text(path), str(path.resolve().parent))


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises InputError where the port is in use or may not be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1" if host == "localhost" else host, port))
        found.listen(128)
    except (OSError, OverflowError) as error:
        found.close()
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(
            Fault(f"cannot listen: {why}", key="--port", got=f"{host}:{port}", hint="Give another --port.")
        ) from None
    return found


def _server_class() -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """As uvicorn's, but a stop signal ends it and is not raised again: the port closes and the command returns."""

        @contextlib.contextmanager
        def capture_signals(self) -> Any:
            import signal
            import threading

            if threading.current_thread() is not threading.main_thread():
                yield
                return
            before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for one, handler in before.items():
                    signal.signal(one, handler)

    return Server


def _server(config: Any) -> Any:
    return _server_class()(config)
