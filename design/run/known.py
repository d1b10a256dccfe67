"""Known polymers: of the targets, of files, and of those with a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from kakehashi.catalogs.molecules import polymers
from kakehashi.catalogs.properties.material_columns import Material, smiles_column
from kakehashi.catalogs.properties.polymer_names import polymer_names
from kakehashi.catalogs.reading import readers
from kakehashi.catalogs.records import PropertyTable, Rejected, UserError

KNOWN, NAMED = "known polymer", "polymer with a name"
WORDS = (KNOWN, NAMED)


class KnownFile(NamedTuple):
    """Repeat units of a file, by key, and rows that could not be read."""

    path: str
    keys: frozenset[str]
    rejected: tuple[Rejected, ...]
    name: str = "known"

    def rejection(self) -> str:
        """Summary of the rows set aside; "" where there are none."""
        if not self.rejected:
            return ""
        first = self.rejected[0]
        return (
            f"--known {self.path}: {len(self.rejected)} rows set aside (quarantine_training.csv); row {first.row}"
            f" ({first.formula}): {first.reason}"
        )


def read_known(path: Path, material: Material = None) -> KnownFile:
    """Read a table of repeat units that are not new.

    Raises
    ------
    UserError : no such file or column, or not one repeat unit that can be read.
    """
    readers.check_file(path)
    names = readers.column_names(path)
    column = smiles_column(names, path, material)
    texts = readers.as_text(readers.read(path, [column])[column], path, column).to_pylist()
    parsed = polymers.parse_column(texts, guarded=True)
    rejected = tuple(
        Rejected("known", row + 1, str(row + 1), text or "", str(reason))
        for row, (text, reason) in enumerate(zip(texts, parsed.reasons, strict=True))
        if reason
    )
    found = KnownFile(str(path), frozenset(key for key in parsed.molecules.keys if key), rejected)
    if not found.keys:
        raise UserError(f"--known {path}: {found.rejection() or 'no rows'}; no repeat unit is left")
    return found


def known_polymers(targets: Iterable[PropertyTable], files: Iterable[KnownFile]) -> Mapping[str, str]:
    """What is known by key: "known polymer" of targets and files, else "polymer with a name"."""
    known = dict.fromkeys(polymer_names(), NAMED)
    for file in files:
        known |= dict.fromkeys(file.keys, KNOWN)
    for table in targets:
        known |= dict.fromkeys(table.keys, KNOWN)
        if table.unmeasured:
            keys = polymers.parse_column(list(table.unmeasured), guarded=True).molecules.keys
            known |= dict.fromkeys(filter(None, keys), KNOWN)
    return known
