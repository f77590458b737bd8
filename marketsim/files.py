"""Reading a user's files: local, regular, small, UTF-8 text; whatever else is named is refused before it is opened."""

from __future__ import annotations

import os
import pathlib
import re
import stat

from marketsim import plain_yaml
from marketsim.errors import Fault, InputError

MOST_BYTES = 1_048_576  # a scenario; data files have limits of their own
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
PICKLES = (".pkl", ".pickle", ".joblib", ".npy", ".npz")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz", ".7z")


def regular_file(path: str | os.PathLike[str], most_bytes: int = MOST_BYTES) -> pathlib.Path:
    """The path, once it is known to be a local regular file of at most so many bytes. Raises InputError."""
    text = os.fspath(path)

    def refuse(what: str, got: str | None = None, allowed: str | None = None) -> InputError:
        return InputError(Fault(what, file=text, got=got, allowed=allowed))

    if _URL.match(text):
        raise refuse("a URL; only local files are read")
    if "\0" in text:
        raise refuse("a file name cannot hold a NUL character")
    suffix = pathlib.Path(text).suffix.lower()
    if suffix in PICKLES:
        raise refuse("a pickle is never read: it could run any code", allowed="YAML or CSV text")
    if suffix in PACKED:
        raise refuse("packed files are not read (their size cannot be known beforehand)", allowed="plain text")
    try:
        facts = os.stat(text)
    except FileNotFoundError:
        raise refuse("no such file") from None
    except PermissionError:
        raise refuse("permission denied") from None
    except OSError as error:
        raise refuse(f"cannot be opened: {error.strerror}") from None
    if stat.S_ISDIR(facts.st_mode):
        raise refuse("a directory, where a file is wanted")
    if not stat.S_ISREG(facts.st_mode):
        raise refuse("not a regular file")
    if facts.st_size > most_bytes:
        allowed = f"at most {most_bytes:,} bytes"
        raise refuse("the file's size is above the limit", got=f"{facts.st_size:,} bytes", allowed=allowed)
    return pathlib.Path(text)


def read_text(path: str | os.PathLike[str], most_bytes: int = MOST_BYTES) -> str:
    """The text of a local file, without byte-order mark and with LF line ends. Raises InputError."""
    source = regular_file(path, most_bytes)
    try:
        with source.open("rb") as stream:
            raw = stream.read(most_bytes + 1)
    except PermissionError:
        raise InputError(Fault("permission denied", file=str(source))) from None
    except OSError as error:
        raise InputError(Fault(f"cannot be read: {error.strerror}", file=str(source))) from None
    return decoded(raw, str(source))


def decoded(raw: bytes, file: str | None = None) -> str:
    """UTF-8 text of bytes. Raises InputError naming the line of the first byte that is not text."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in raw:
            raise InputError(Fault("not a text file (it holds NUL bytes)", file)) from None
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(
            Fault(f"not UTF-8 (byte 0x{raw[error.start]:02x}); save the file as UTF-8", file, line)
        ) from None
    found = _CONTROL.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise InputError(Fault(f"not a text file (it holds the control character U+{ord(found[0]):04X})", file, line))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_yaml(path: str | os.PathLike[str]) -> plain_yaml.Document:
    """The document of a YAML file, with the place of every value. Raises InputError."""
    return plain_yaml.parse(read_text(path), str(path))
