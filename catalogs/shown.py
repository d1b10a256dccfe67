"""Text for a terminal. Names come from other people's files, and some characters steer a terminal.

Everything printed goes through here or is a constant of the code; a test sees to it.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from unicodedata import category


def shown(text: str) -> str:
    """Text in one line, without characters that steer a terminal.

    Controls (escape sequences, C1, line ends), marks of writing direction and lone surrogates (of file names that are
    no UTF-8) become U+FFFD.

    >>> shown("a" + chr(27) + "[2Jb")
    'a�[2Jb'
    """
    return "".join(c if is_harmless(c) else "\N{REPLACEMENT CHARACTER}" for c in text)


def shortened(text: str, most: int = 40) -> str:
    """Text as it is quoted in a message: as `shown`, at most `most` characters."""
    text = shown(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def is_harmless(character: str) -> bool:
    """Whether a terminal shows a character, as a sign or a space, and does nothing else."""
    return character.isprintable() or category(character) == "Zs"


def say(text: str, *, error: bool = False) -> None:
    """Print lines, each as `shown`, on stdout or stderr; what the stream cannot write is written as an escape."""
    stream = sys.stderr if error else sys.stdout
    safe = "\n".join(shown(line) for line in text.split("\n"))
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(safe.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=error)


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON that is readable in any language, with escapes for what steers a terminal: the same when it is read."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "".join(c if c == "\n" or is_harmless(c) else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"
