"""The `kakehashi catalogs build` command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from kakehashi.catalogs.cli.flags import DryRunFlags, FileFlags, OverwriteFlags
from kakehashi.catalogs.cli.flatten import Many, Whole, flatten_flags
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.flag import split_words
from kakehashi.catalogs.shown import say


@dataclass(frozen=True, kw_only=True)
class BuildCall(OverwriteFlags, DryRunFlags, FileFlags):
    """Flags of a call that writes a description."""

    out: str = "enumerate.toml"


@flatten_flags
def build(
    name: str,
    *,
    elements: str | None = None,
    exclude: str | None = None,
    min_elements: Whole | None = None,
    max_elements: Whole | None = None,
    max_atoms: Whole | None = None,
    max_amount: Whole | None = None,
    states: Many = None,
    call: BuildCall,
) -> None:
    """Describe a virtual catalogue: charge-balanced compositions, addressed by index and never listed.

    Writes a small file that `kakehashi screen --catalog FILE` searches; edit its oxidation states as you like.
    `--catalog enumerate` alone takes the defaults.

    Example: kakehashi catalogs build enumerate --exclude Pb,Cd,Hg --max-atoms 20 --out space.toml

    Parameters
    ----------
    name
        enumerate, the only kind so far.
    elements
        Elements to combine, with commas. Default: all with an electronegativity but short-lived ones.
    exclude
        Elements to leave out, with commas.
    min_elements
        Smallest number of elements. Default: 2.
    max_elements
        Largest number of elements. Default: 4.
    max_atoms
        Largest number of atoms of a reduced formula, up to 32. Default: 12.
    max_amount
        Largest amount of one element. Default: no limit besides --max-atoms.
    states
        Oxidation states of an element, e.g. Fe=2,3; repeat for several. Default: pymatgen's common ones.
    """
    from kakehashi.catalogs.candidates.space import NAME, families, make_space, text_of
    from kakehashi.catalogs.files.durable import write_durably
    from kakehashi.catalogs.records import UserError

    if name != NAME:
        raise UserError(f"expected {NAME}, got {name!r}: it is the only catalogue to build")
    path = path_of(call.out)
    if path.suffix.lower() != ".toml":
        raise UserError(f"--out: expected a file name that ends in .toml, got {call.out}")
    if path.exists() and not (call.overwrite or call.dry_run):
        raise UserError(f"{call.out} exists: use --overwrite or another --out")
    given: dict[str, Any] = {
        "min_elements": min_elements, "max_elements": max_elements, "max_atoms": max_atoms, "max_amount": max_amount,
    }  # fmt: skip
    space = make_space(
        elements=split_words([elements or ""]),
        exclude=split_words([exclude or ""]),
        states=dict(_state(text) for text in states or []),
        **{key: value for key, value in given.items() if value is not None},
    )
    if not call.dry_run:
        write_durably(path, text_of(space).encode())
    sizes = {family.kinds: family.size for family in families(space)}
    if call.json:
        written = None if call.dry_run else call.out
        print(json.dumps({"file": written, "indices": space.size, "by_elements": sizes, "sha256": space.sha256}))
    elif not call.quiet:
        parts = ", ".join(f"{size:,} of {kinds} elements" for kinds, size in sizes.items())
        say(f"{space.size:,} indices: {parts}; filters decide when they are looked at which are charge-balanced")
        if not call.dry_run:
            say(f"written: {call.out}; search it with kakehashi screen --catalog {call.out}")


def _state(text: str) -> tuple[str, tuple[int, ...]]:
    """Parse an element and its oxidation states, such as `Fe=2,3`."""
    from kakehashi.catalogs.records import UserError

    symbol, equals, numbers = text.partition("=")
    try:
        states = tuple(int(number) for number in numbers.split(","))
    except ValueError:
        states = ()
    if not equals or not states:
        raise UserError(f"--states: expected ELEMENT=STATE,STATE like Fe=2,3, got {text!r}")
    return symbol.strip(), states
