"""Which reader reads which recording, decided by what is in it."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from holdfast.core.scale import Scale
from local.tapes import cronos
from local.tapes.files import first_line, recording_files
from local.tapes.generator import generate_tape
from local.tapes.tape import Tape


class Format(Struct, frozen=True):
    """A format of recordings: how it looks, how to tell it by a file's first line, how to read such files."""

    description: str
    recognizes: Callable[[bytes], bool]
    read: Callable[[Sequence[Path], Scale], Tape]


FORMATS = (Format(cronos.DESCRIPTION, cronos.recognizes, cronos.read_tape),)


def load_tape(path: Path | None, seed: int, scale: Scale) -> Tape:
    """The recording at `path` (a file or a folder of them), or without one the generated tape of `seed`.

    Raises InvalidInputError naming file and line for anything that can't be read.
    """
    if path is None:
        return generate_tape(random.Random(seed), scale)
    files = recording_files(path)
    chosen = _format_of(files[0])
    for file in files[1:]:
        if _format_of(file) is not chosen:
            raise InvalidInputError(f"tape {file}", "another format", f"one format per tape; {files[0]} has another")
    return chosen.read(files, scale)


def _format_of(file: Path) -> Format:
    line = first_line(file)
    for known in FORMATS:
        if known.recognizes(line):
            return known
    allowed = "one of the known formats: " + "; ".join(known.description for known in FORMATS)
    raise InvalidInputError(f"tape {file}, line 1", line[:60].decode(errors="replace"), allowed)
