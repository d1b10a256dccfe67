"""Reference pages made from docstrings and from the commands."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_type_hints

import kakehashi
from kakehashi import app

SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}$", re.MULTILINE)
ENTRY = re.compile(r"^([*\w][\w, *.]*?) : ?(.*)$")


def commands_page() -> str:
    """Every command with its flags, in Markdown."""
    text = app().generate_docs(output_format="markdown", heading_level=1)
    begin, _, rest = text.partition("## Table of Contents")
    text = begin + rest[rest.index("\n**Commands**") :]
    text = re.sub(r"\[(`[^`]*`)\]\(#[^)]*\)", r"\1", text)  # Sphinx makes the links between headings
    text = re.sub(r"<(?=[A-Za-z])", r"\\<", text)
    return text.replace("# kakehashi\n", "# Commands\n\nMade from the commands' own help.\n", 1)


def python_page() -> str:
    """Every public function, and the records they return, in Markdown."""
    parts = ["# Python reference", "Made from the docstrings. `import kakehashi as kh` comes first."]
    records: dict[type, None] = {}
    for name in sorted(set(kakehashi.__all__) - {"main"}):
        thing = inspect.unwrap(getattr(kakehashi, name))
        members = [(f"kh.{name}", thing)]
        if isinstance(thing, ModuleType):
            members = [(f"kh.{name}.{key}", value) for key, value in public(thing)]
        for path, member in members:
            parts += entry(path, member)
            if inspect.isroutine(member):
                records |= dict.fromkeys(returned(member))
    parts.append("## Records that functions return")
    for record in sorted(records, key=lambda kind: kind.__name__):
        parts += entry(record.__name__, record, level=3)
        for key, value in public(record):
            parts += entry(f"{record.__name__}.{key}", value, level=4)
    return "\n\n".join(parts) + "\n"


def public(owner: ModuleType | type) -> Iterator[tuple[str, Any]]:
    """Functions that a module or class defines itself, with a docstring, and that are no part of its inside."""
    module = owner.__name__ if isinstance(owner, ModuleType) else owner.__module__
    offered = tuple(vars(owner).get("_FUNCTIONS", ())) if isinstance(owner, ModuleType) else ()
    for name in offered:  # a package names what it offers, which lies in other files
        yield name, getattr(owner, name)
    for name, value in sorted(vars(owner).items()):
        plain = getattr(value, "fget", None) or getattr(value, "__func__", value)
        own = name not in offered and inspect.isroutine(plain) and getattr(plain, "__module__", "") == module
        if own and not name.startswith("_") and inspect.getdoc(plain):
            yield name, plain


def returned(function: Any) -> Iterator[type]:
    """Classes of this package that a function returns."""
    try:
        kind = get_type_hints(function).get("return")
    except NameError:  # imported for type checkers alone
        return
    for each in getattr(kind, "__args__", None) or (kind,):
        if inspect.isclass(each) and each.__module__.startswith("kakehashi."):
            yield each


def entry(path: str, thing: Any, level: int = 2) -> list[str]:
    """Heading, signature and docstring of a function or class."""
    heading = f"{'#' * level} {path}"
    if inspect.isclass(thing):
        return [heading, markdown(inspect.getdoc(thing) or "")]
    return [heading, f"```python\n{signature(path, thing)}\n```", markdown(inspect.getdoc(thing) or "")]


def signature(path: str, function: Any) -> str:
    """Call of a function with its defaults, a line per argument where it is long."""
    call = inspect.signature(function)
    words = [str(p).removeprefix("self") for p in call.parameters.values() if p.name != "self"]
    keyword = next((i for i, p in enumerate(call.parameters.values()) if p.kind is p.KEYWORD_ONLY), None)
    if keyword is not None:
        words.insert(keyword - ("self" in call.parameters), "*")
    result = "" if call.return_annotation is call.empty else f" -> {call.return_annotation}"
    line = f"{path}({', '.join(words)}){result}"
    return line if len(line) <= 100 else f"{path}(\n    " + ",\n    ".join(words) + f",\n){result}"


def markdown(docstring: str) -> str:
    """Docstring in Markdown: sections in bold, entries as lists, examples as code."""
    head, *rest = SECTION.split(docstring)
    parts = [entries(head)]
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        if title == "Examples":
            parts.append(f"**{title}**\n\n```pycon\n{without_options(body.strip())}\n```")
        else:
            parts.append(f"**{title}**\n\n{entries(body.strip())}")
    return "\n\n".join(part for part in parts if part.strip())


def entries(text: str) -> str:
    """Lines `name : meaning` as a list, continuations joined; all else as it is."""
    lines: list[str] = []
    inside = code = False
    for line in text.splitlines():
        if line.startswith(">>> ") and not code:
            lines.append("\n```pycon")
            code = True
        elif code and not line.strip():
            lines.append("```")
            code = False
        if code:
            lines.append(line)
        elif found := ENTRY.match(line):
            lines.append(f"{'' if inside else chr(10)}- `{found[1]}`: {found[2]}")
            inside = True
        elif inside and line.startswith(" "):
            lines.append(f"  {line.strip()}")
        else:
            inside = False
            lines.append(line)
    return "\n".join([*lines, "```"] if code else lines).strip()


def without_options(example: str) -> str:
    """Example without the remarks that doctest reads."""
    return re.sub(r"\s*# doctest: .*$", "", example, flags=re.MULTILINE)
