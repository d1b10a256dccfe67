"""Registry of composition descriptors, one line each.

Nothing is imported before use.

A new descriptor is a file beside this one and a line here: `--descriptors`, help, cards, keys of kept networks, scorer
and virtual catalogues then know it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from kakehashi.screen.descriptors.descriptor import CompositionDescriptor

Convention = Literal["reduced", "cell", "per-atom"]
CONVENTIONS: tuple[str, ...] = get_args(Convention)


class DescriptorLine(NamedTuple):
    """One descriptor of compositions.

    where : "module:name" of the `CompositionDescriptor`
    about : description for help, a few words
    """

    where: str
    about: str


LINES: dict[str, DescriptorLine] = {
    "xenonpy": DescriptorLine("kakehashi.screen.descriptors.composition:xenonpy", "290 statistics of element features"),
}
DEFAULT = "xenonpy"
DEFAULT_CONVENTION = "reduced"


class _Descriptors(dict[str, "CompositionDescriptor"]):
    """Descriptors of compositions by name, loaded on first use."""

    def __missing__(self, name: str) -> CompositionDescriptor:
        module, _, attribute = LINES[name].where.partition(":")
        self[name] = getattr(import_module(module), attribute)
        return self[name]


DESCRIPTORS = _Descriptors()


class CompositionChoice(NamedTuple):
    """A descriptor, and the convention of its amounts."""

    name: str
    convention: str

    @property
    def text(self) -> str:
        """`NAME@CONVENTION`; the convention alone for the default descriptor.

        >>> CompositionChoice("xenonpy", "cell").text
        'cell'
        """
        return self.convention if self.name == DEFAULT else f"{self.name}@{self.convention}"


def read_choice(text: str) -> CompositionChoice | None:
    """Read a convention or `NAME@CONVENTION`.

    None for any other text, such as descriptors of molecules.

    >>> read_choice("per-atom")
    CompositionChoice(name='xenonpy', convention='per-atom')
    >>> read_choice("ecfp4@ring/atom") is None
    True
    """
    if text in CONVENTIONS:
        return CompositionChoice(DEFAULT, text)
    name, _, convention = text.partition("@")
    return CompositionChoice(name, convention) if name in LINES and convention in CONVENTIONS else None


def amounts_convention(text: str) -> str:
    """Convention of amounts in a choice, "" for molecules.

    >>> amounts_convention("cell"), amounts_convention("ecfp4@ring/atom")
    ('cell', '')
    """
    choice = read_choice(text)
    return "" if choice is None else choice.convention


def descriptors_help() -> str:
    """Descriptors of both kinds of text, for help."""
    lines = "; ".join(f"{name} ({line.about})" for name, line in LINES.items())
    return (
        f"Descriptors. Of formulas: {lines}. Of SMILES: fingerprints and numbers joined with +; the word frequent among"
        " them hides from networks what is 0 in over 90 % of their training rows."
    )
