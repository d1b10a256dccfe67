"""Safe text for a terminal.

Names from other people's files may hold characters that steer it.

All output passes through here or is a constant of the code; a test checks that.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from unicodedata import category


def shown(text: str) -> str:
    """Replace characters that steer a terminal by U+FFFD.

    The text becomes one line.

    These are controls (escape sequences, C1, line ends), marks of writing direction, and lone surrogates (from file
    names that are no UTF-8).

    >>> shown("a" + chr(27) + "[2Jb")
    'a�[2Jb'
    """
    return "".join(c if is_harmless(c) else "\N{REPLACEMENT CHARACTER}" for c in text)


def shortened(text: str, most: int = 40) -> str:
    """Cut a text to `most` characters, for quotes in messages.

    It is `shown` first.
    """
    text = shown(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def is_harmless(character: str) -> bool:
    """Test for a character that a terminal only shows."""
    return character.isprintable() or category(character) == "Zs"


def say(text: str, *, error: bool = False) -> None:
    """Print lines safely on stdout or stderr.

    Each goes through `shown`; characters outside the stream's encoding become escapes.
    """
    stream = sys.stderr if error else sys.stdout
    safe = "\n".join(shown(line) for line in text.split("\n"))
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(safe.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=error)


def as_json(value: Any, indent: int | None = None) -> str:
    r"""Write JSON that is readable and safe to print.

    Characters that steer a terminal become escapes.

    >>> as_json({"κ": "\x1b"})
    '{"κ": "\\u001b"}'
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "".join(c if c == "\n" or is_harmless(c) else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if character != "\x7f" else "\\u007f"
