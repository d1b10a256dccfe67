"""Data blocks of a CIF, cut out without parsing them."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*data_\S*", re.IGNORECASE)
_ATOMS = re.compile(r"^\s*_(?:atom_site_|cell_length_)", re.MULTILINE | re.IGNORECASE)
BLOCK = "data_structure"


def cif_blocks(text: str) -> list[str]:
    r"""Cut a CIF into its data blocks of structures.

    Blocks count if they have atoms or a cell.

    All blocks get one header, since names may repeat or mean something to a parser. Blocks of remarks alone
    (`data_global`) are dropped. In a text field, between lines that begin with a semicolon, `data_` begins no block.

    >>> cif_blocks("data_global\n_x 1\ndata_a\n_cell_length_a 5\n")
    ['data_structure\n\n_cell_length_a 5\n']
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
