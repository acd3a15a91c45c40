"""Lines of recordings, plain or gzipped, with errors that say where."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from holdfast.core.errors import InvalidInputError

SUFFIXES = (".jsonl", ".jsonl.gz")


def recording_files(path: Path) -> list[Path]:
    """The recordings at a path: the file itself, or a folder's in order of name. Raises InvalidInputError."""
    allowed = f"a recording or a folder of recordings ({', '.join('*' + suffix for suffix in SUFFIXES)})"
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InvalidInputError("tape", str(path), f"{allowed}; nothing is there")
    files = sorted(file for file in path.iterdir() if file.is_file() and file.name.endswith(SUFFIXES))
    if not files:
        raise InvalidInputError("tape", str(path), f"{allowed}; this folder holds none")
    return files


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """A file's lines that are not blank, numbered from 1. Raises InvalidInputError where it can't be read on."""
    number = 0
    try:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as lines:
            for line in lines:
                number += 1
                if not line.isspace():
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise bad_line(path, number + 1, error, "a readable file, whole if gzipped") from None


def first_line(path: Path) -> bytes:
    """A recording's first line. Raises InvalidInputError for a file without any."""
    for _, line in numbered_lines(path):
        return line
    raise InvalidInputError(f"tape {path}", "an empty file", "at least one line")


def bad_line(path: Path, number: int, what: object, allowed: str) -> InvalidInputError:
    """The error for a line that can't be used."""
    return InvalidInputError(f"tape {path}, line {number}", str(what), allowed)
