"""Flags as annotated fields: where they are declared, what help says, how values are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest

from kakehashi.catalogs.flag import HEADINGS, TARGET, Flag, Here, build, collect_flags, read_values


@dataclass(frozen=True, kw_only=True)
class SeedFlags:
    seed: Annotated[int, Flag("One seed.", TARGET)] = 0


@dataclass(frozen=True, kw_only=True)
class DrawFlags(SeedFlags):
    words: Annotated[tuple[str, ...], Flag("Words.", commas=True)] = ("a", "b")
    texts: Annotated[tuple[str, ...] | None, Flag("Texts.", default="none at all")] = None
    seed: Annotated[int, Here("Not ours.")] = 7
    share: Annotated[float, Flag("A share.")] = 0.25
    fast: Annotated[bool, Flag("Faster.")] = False


def test_a_restated_flag_keeps_its_declaration() -> None:
    base, ours = collect_flags(SeedFlags)["seed"], collect_flags(DrawFlags)["seed"]
    assert ours.flag == base.flag
    assert ours.owner is base.owner is SeedFlags
    assert (base.text, ours.text) == ("One seed. Default: 0.", "One seed. Not ours. Default: 7.")


def test_help_states_defaults() -> None:
    texts = {name: flag.text for name, flag in collect_flags(DrawFlags).items()}
    assert texts["words"] == "Words. Default: a,b."
    assert texts["texts"] == "Texts. Default: none at all."
    assert texts["share"] == "A share. Default: 0.25."
    assert texts["fast"] == "Faster."


def test_values_are_read_by_the_types_of_fields() -> None:
    given = {"words": ["a, b", "c"], "texts": ["x,y"], "seed": None, "other": 1}
    assert read_values(DrawFlags, given) == {"words": ("a", "b", "c"), "texts": ("x,y",), "other": 1}
    assert build(DrawFlags, {"words": "p,q"}) == DrawFlags(words=("p", "q"))


def test_a_field_without_a_declaration_is_refused() -> None:
    @dataclass
    class Undeclared:
        lost: int = 0

    with pytest.raises(TypeError, match=r"Undeclared\.lost: no class declares it with a Flag"):
        collect_flags(Undeclared)


def test_headings_are_named_once() -> None:
    assert len(set(HEADINGS)) == len(HEADINGS)
