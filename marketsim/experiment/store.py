"""The store of a study: one row a policy and replication in SQLite; where an interrupted study goes on.

Written by the driver alone, one transaction a chunk, in a folder that one process holds at a time (`flock`, which the
kernel gives back when its holder dies). A row carries a checksum of itself and of what it belongs to; one that does not
agree is left out, so that it is run again. Nothing in it is of the clock, so the same study gives the same file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence

from marketsim.errors import InputError, MarketsimError
from marketsim.experiment.task import Outcome, Row

FILE = "store.sqlite"
LOCK = ".lock"
SCHEMA = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
    policy TEXT NOT NULL, replication INTEGER NOT NULL, metrics TEXT NOT NULL, checksum TEXT NOT NULL,
    PRIMARY KEY (policy, replication)
) WITHOUT ROWID;
"""


class StoreError(MarketsimError):
    """Results cannot be written or read: the disk is full, broken or gone. What was committed is kept."""


@contextlib.contextmanager
def _told(folder: pathlib.Path) -> Iterator[None]:
    """Trouble with a file as one line that names the folder and says what is kept."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            why = "no space left on the device"
        raise StoreError(f"cannot write results in {folder}: {why}; what was stored is kept") from error


class Store:
    """An open store; close it, or use it in a `with`.

    `warnings` tells what was found damaged and has been made good; `lasting` what the numbers carry with them.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        identity: str,
        versions: Mapping[str, str],
        force: bool = False,
        fresh: bool = False,
    ) -> None:
        """Open or make the store of a study. identity: a digest of all that rows depend on.

        force takes rows that other versions wrote; fresh drops what is there. Raises InputError for another study's
        folder, for one in use, for other versions, and where nothing can be written; StoreError for a disk that fails.
        """
        self.folder = pathlib.Path(folder)
        self.identity = identity
        self.warnings: list[str] = []
        self.lasting: list[str] = []
        self._lock = _Lock(self.folder)
        try:
            with _told(self.folder):
                if fresh:
                    self._drop()
                self._base = self._open()
                self._agree(dict(versions), force)
                self._write_ahead()
            if not self._lock.kernel:
                self.warnings.append(f"the disk of {self.folder} keeps no locks: a lock file is used instead")
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> pathlib.Path:
        """The SQLite file."""
        return self.folder / FILE

    def _drop(self) -> None:
        for name in ("", "-wal", "-shm", "-journal"):
            pathlib.Path(str(self.path) + name).unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            damaged = self.path.with_suffix(".damaged")
            os.replace(self.path, damaged)
            for extra in ("-wal", "-shm"):
                pathlib.Path(str(self.path) + extra).unlink(missing_ok=True)
            self.warnings.append(f"{FILE} was damaged and is kept as {damaged.name}; its rows are run again")
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.path, isolation_level=None, timeout=5)
        base.text_factory = lambda raw: raw.decode("utf-8", "replace")  # what is damaged fails its checksum, no more
        try:
            base.executescript(_TABLES)
            if base.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("damaged")
        except sqlite3.DatabaseError:
            base.close()
            raise
        return base

    def _write_ahead(self) -> None:
        """A log beside the file makes a chunk one write; not on disks whose locks the kernel does not keep."""
        if self._lock.kernel:
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")  # a lost power supply costs the last chunks, nothing else

    def _agree(self, versions: dict[str, str], force: bool) -> None:
        """Write whose store this is, or check it."""
        about = dict(self._base.execute("SELECT name, value FROM about"))
        mine = {"schema": str(SCHEMA), "identity": self.identity, "versions": json.dumps(versions, sort_keys=True)}
        if not about:
            if self._base.execute("SELECT count(*) FROM rows").fetchone()[0]:
                raise InputError(f"the results in {self.folder} do not say whose they are; use a fresh folder")
            with self._transaction():  # all or nothing: half of it would be nobody's folder
                self._base.executemany("INSERT INTO about VALUES (?, ?)", mine.items())
            return
        if about.get("identity") != self.identity:
            raise InputError(
                f"folder {self.folder} holds run {about.get('identity', 'unknown')[:12]}, this is run "
                f"{self.identity[:12]}: the scenario, its seed, data or policies differ; use another folder or --fresh"
            )
        if any(about.get(name) != mine[name] for name in mine):
            if not force:
                raise InputError(
                    f"folder {self.folder} was written by {_names(about.get('versions'))}, this is "
                    f"{_names(mine['versions'])}: numbers may differ; use --fresh, or --force"
                )
            self.lasting.append(f"some rows were written by {_names(about.get('versions'))}")
            both = {**mine, "also": about.get("versions", "{}")}
            with self._transaction():
                self._base.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", both.items())

    def rows(self) -> dict[str, dict[int, Row]]:
        """All sound rows, policy -> replication -> metrics; damaged ones are told in `warnings` and left out."""
        out: dict[str, dict[int, Row]] = {}
        with _told(self.folder):
            found = self._base.execute("SELECT policy, replication, metrics, checksum FROM rows").fetchall()
        bad = 0
        for policy, replication, metrics, checksum in found:
            if checksum != self._checksum(policy, replication, metrics):
                bad += 1
                continue
            out.setdefault(policy, {})[replication] = json.loads(metrics)
        if bad:
            self.warnings.append(f"{bad} rows of {FILE} were damaged; they are run again")
        return out

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Keep the rows of a chunk, in one transaction; pairs that failed leave none."""
        rows = []
        for one in outcomes:
            if one.row is not None:
                text = json.dumps(one.row, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
                rows.append((one.policy, one.replication, text, self._checksum(one.policy, one.replication, text)))
        with _told(self.folder), self._transaction():
            self._base.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", rows)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # the error that led here is the one to tell
                self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def _checksum(self, policy: object, replication: object, metrics: object) -> str:
        text = f"{self.identity}|{policy}|{replication}|{metrics}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def settle(self) -> None:
        """Rewrite the store in order and swap it in, so that its bytes do not tell how the work was cut up."""
        fresh = self.path.with_suffix(".new")
        with _told(self.folder):
            about = self._base.execute("SELECT name, value FROM about ORDER BY name").fetchall()
            found = self._base.execute(
                "SELECT policy, replication, metrics, checksum FROM rows ORDER BY policy, replication"
            ).fetchall()
            sound = [row for row in found if row[3] == self._checksum(*row[:3])]
            self._base.close()
            fresh.unlink(missing_ok=True)
            base = sqlite3.connect(fresh, isolation_level=None)
            try:
                base.execute("PRAGMA page_size=4096")
                base.execute("BEGIN IMMEDIATE")
                for statement in _TABLES.split(";")[:-1]:
                    base.execute(statement)
                base.executemany("INSERT INTO about VALUES (?, ?)", about)
                base.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", sound)
                base.execute("COMMIT")
            finally:
                base.close()
            for extra in ("-wal", "-shm"):
                pathlib.Path(str(self.path) + extra).unlink(missing_ok=True)
            os.replace(fresh, self.path)

    def close(self) -> None:
        """Close the file and let the folder go."""
        with contextlib.suppress(sqlite3.Error):
            self._base.close()
        self._lock.release()


def _names(versions: str | None) -> str:
    try:
        return ", ".join(f"{name} {version}" for name, version in json.loads(versions or "").items())
    except (ValueError, AttributeError):
        return "a version that cannot be read"


class _Lock:
    """One writer a folder. `kernel` says whether the kernel keeps it; a network disk without locks gets a file."""

    def __init__(self, folder: pathlib.Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._path = folder / LOCK
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"results folder {folder} cannot be written: {error.strerror}") from None
        self.kernel = True
        try:
            self._take()
        except BaseException:
            os.close(self._handle)
            raise
        try:
            self._sign()
        except OSError as error:
            self.release()
            raise StoreError(f"cannot write {self._path}: {error.strerror}; nothing was changed") from error

    def _sign(self) -> None:
        """Say who holds the folder, for whoever is refused it."""
        os.ftruncate(self._handle, 0)
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        os.write(self._handle, f"in use by pid {os.getpid()} since {since}\n".encode())

    def _take(self) -> None:
        try:
            import fcntl
        except ImportError:  # not a POSIX system
            self._take_file()
            return
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                self._take_file()
                return
            holder = os.pread(self._handle, 200, 0).decode(errors="replace").strip() or "in use"
            raise InputError(f"results folder {self._path.parent} is {holder}") from None

    def _take_file(self) -> None:
        """A file that only one can make; it stays after a crash and is then the user's to remove."""
        self.kernel = False
        self._own = self._path.with_suffix(".owner")
        try:
            os.close(os.open(self._own, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            what = f"results folder {self._path.parent} is in use, or was when a run died: remove {self._own} if so"
            raise InputError(what) from None

    def release(self) -> None:
        """Let the folder go; the file stays, empty, because removing a lock invites two holders."""
        if self._handle < 0:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._handle, 0)
        os.close(self._handle)
        self._handle = -1
        if not self.kernel:
            self._own.unlink(missing_ok=True)
