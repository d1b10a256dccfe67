"""The structures of a CIF, each a data block of its own, cut out without reading them."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*data_\S*", re.IGNORECASE)
_ATOMS = re.compile(r"^\s*_(?:atom_site_|cell_length_)", re.MULTILINE | re.IGNORECASE)
BLOCK = "data_structure"


def cif_blocks(text: str) -> list[str]:
    """Data blocks that have atoms or a cell, each with the same header: names may come twice, or mean something.

    A block of remarks alone (`data_global`) is none. Text between lines that begin with a semicolon is kept apart: a
    line of it that begins with `data_` begins no block.
    """
    blocks: list[list[str]] = []
    inside = False
    for line in text.splitlines():
        if line.startswith(";"):
            inside = not inside
        header = _HEADER.match(line)
        if header and inside:
            line = f".{line}"
        elif header:
            blocks.append([BLOCK])
            line = line[header.end() :]
        if blocks:
            blocks[-1].append(line)
    return [whole for block in blocks if _ATOMS.search(whole := "\n".join(block) + "\n")]
