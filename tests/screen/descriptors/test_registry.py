"""One registry of descriptors of compositions: a new one is a file and a line, and screens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import kakehashi
import kakehashi as kh
from kakehashi.catalogs.candidates.space import make_space
from kakehashi.catalogs.formulas.slots import parse_column
from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.records import UserError
from kakehashi.screen.api import models
from kakehashi.screen.descriptors import compositions
from kakehashi.screen.descriptors.registry import (
    CONVENTIONS,
    DEFAULT,
    DESCRIPTORS,
    LINES,
    CompositionChoice,
    DescriptorLine,
    amounts_convention,
    descriptors_help,
    read_choice,
)
from kakehashi.screen.models.verify import verify
from kakehashi.screen.networks.kept import shipped_key, stack_key
from kakehashi.screen.networks.library import pretrain_library
from kakehashi.screen.networks.pretrain import Schedule
from kakehashi.screen.networks.source import Settings
from kakehashi.screen.ranking.rank import Order
from kakehashi.screen.scoring.partitions import make_scorer
from kakehashi.screen.scoring.virtual.search import make_search
from kakehashi.screen.transfer.fit import Model, transfer

# The share of every element in a formula: a descriptor that is in no other file of ours.
SHARES = """
import jax.numpy as jnp

from kakehashi.catalogs.elements import SYMBOLS
from kakehashi.screen.descriptors.descriptor import CompositionDescriptor


def names():
    return tuple(f"share:{symbol}" for symbol in SYMBOLS)


def describe(elements, amounts, tables):
    here = elements[:, :, None] == jnp.arange(len(SYMBOLS), dtype=jnp.int32)[None, None, :]
    counts = jnp.where(here, amounts[:, :, None], 0.0).sum(axis=1)
    return counts / amounts.sum(axis=1, keepdims=True)


shares = CompositionDescriptor(names, describe)
"""
QUICK = Schedule(max_epochs=5, row_visits=1)
FORMULAS = ["MgO", "PbTe", "SiO2", "Li0.5CoO2", "CaTiO3", "Fe3O4"]


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A file and a line more, and a library of models of its own."""
    folder = tmp_path_factory.mktemp("added")
    (folder / "element_shares.py").write_text(SHARES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAKEHASHI_HOME", str(folder / "home"))
        patch.syspath_prepend(folder)
        patch.setitem(LINES, "shares", DescriptorLine("element_shares:shares", "a test's own"))
        yield "shares"
        DESCRIPTORS.pop("shares", None)
        sys.modules.pop("element_shares", None)


@pytest.fixture(scope="module")
def model(added: str, planted: Any) -> Model:
    settings = Settings(1, 312, compositions.choose(None, added, "planted"), QUICK)
    library = pretrain_library([planted.source], settings, target=planted.target)
    return transfer(library, planted.target, outer=2, inner=2, heads=("ridge",))


def test_every_line_leads_to_a_descriptor() -> None:
    assert list(LINES) == [DEFAULT]
    rows = parse_column(FORMULAS).compositions
    for name in LINES:
        for convention in CONVENTIONS:
            choice = CompositionChoice(name, convention).text
            assert compositions.describe(rows, choice).shape == (len(FORMULAS), len(compositions.names(choice)))


def test_the_default_is_written_as_its_convention_alone() -> None:
    for convention in CONVENTIONS:
        assert compositions.choose(convention, None, "t") == compositions.choose(convention, DEFAULT, "t") == convention
        assert compositions.choose(None, f"{DEFAULT}@{convention}", "t") == convention
    assert compositions.choose(None, None, "t") == "reduced"


def test_names_and_help_cost_no_imports() -> None:
    probe = (
        "import sys; from kakehashi.screen.descriptors.registry import *; from kakehashi.screen.runs import flags;"
        "print([m for m in ('jax', 'numpy', 'rdkit') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_new_descriptor_is_a_choice(added: str) -> None:
    assert "shares (a test's own)" in descriptors_help()
    assert compositions.choose(None, added, "t") == "shares@reduced"
    assert compositions.choose("cell", added, "t") == compositions.choose(None, "shares@cell", "t") == "shares@cell"
    assert read_choice("shares@cell") == ("shares", "cell")
    assert amounts_convention("shares@per-atom") == "per-atom"


@pytest.mark.parametrize(
    ("convention", "descriptors", "words"),
    [
        (None, "ecfp4@ring/atom", "--descriptors ecfp4@ring/atom: planted has formulas; expected one of xenonpy"),
        (None, "xenonpy@moles", r"by itself or with @ and a convention \(reduced, cell, per-atom\)"),
        ("cell", "xenonpy@reduced", "expected one convention"),
    ],
)
def test_choices_that_cannot_be(convention: str | None, descriptors: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        compositions.choose(convention, descriptors, "planted")


def test_an_unknown_choice_is_refused() -> None:
    rows = parse_column(FORMULAS).compositions
    with pytest.raises(UserError, match=r"expected a convention out of reduced, .*; got 'moles'"):
        compositions.describe(rows, "moles")


def test_a_new_descriptor_is_known_to_the_command_line(added: str, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["evaluate", "--target", "ltc", "--source", "none", "--out", "x", "--dry-run", "--json"]
    assert kakehashi.main([*ask, "--descriptors", "shares"]) == 0
    assert json.loads(capsys.readouterr().out)["config"]["descriptors"] == "shares"
    assert kakehashi.main([*ask, "--descriptors", "portions"]) == 2
    assert "expected one of xenonpy, shares" in capsys.readouterr().err


def test_networks_on_a_new_descriptor_are_kept_by_its_name(model: Model, planted: Any) -> None:
    (source,) = model.library.sources
    point = source.checkpoint
    assert point is not None
    settings = Settings(1, 312, "shares@reduced", QUICK)
    usual = settings._replace(convention="reduced")
    for key_of in (stack_key, shipped_key):
        keys = [key_of([planted.source], each, exclude=planted.target.keys) for each in (settings, usual)]
        assert keys[0] != keys[1]
    assert point.key == stack_key([planted.source], settings, exclude=planted.target.keys)
    loaded = models.load(point.key[:12])
    assert loaded.card["descriptor"] == "composition:shares@reduced"
    assert loaded.card["entries"][0]["structure"].startswith("94-")
    assert np.isfinite(loaded.predict(FORMULAS)).all()
    assert verify(point.key, shelf.folders()[point.key]).outcome == "bitwise"


def test_a_new_descriptor_ranks_as_its_model_predicts(model: Model) -> None:
    scorer = make_scorer(model)
    assert scorer.device_model.descriptor == "shares"
    ranked = kh.rank(model, [*FORMULAS, "Mg2O2"])
    means = dict(zip(ranked["formula"].to_pylist(), ranked["mean"].to_pylist(), strict=True))
    assert len({round(value, 9) for value in means.values()}) > 3
    assert means["Mg2O2"] == means["MgO"]
    with pytest.raises(UserError, match="cannot be scored"):
        kh.rank(model, ["MgO", "Xx2"])


def test_a_new_descriptor_screens_a_catalogue(model: Model, tmp_path: Path) -> None:
    catalog = tmp_path / "candidates.csv"
    catalog.write_text("id,formula\n" + "".join(f"{i},{text}\n" for i, text in enumerate(FORMULAS)))
    record = kh.screen(model, catalog=str(catalog), out=tmp_path / "run")
    assert record["ranked"] == len(FORMULAS)
    assert record["convention"] == "shares@reduced"


def test_a_virtual_catalogue_scores_as_rows_do(model: Model) -> None:
    space = make_space(elements=("Mg", "Ca", "Zn", "O", "S"), max_elements=2, max_atoms=4)
    scorer = make_scorer(model, make_search(space, Order(top=10), log=False))
    part = scorer(pa.table({"start": [0], "stop": [space.size]}))
    formulas = part.scores["formula"].to_pylist()
    assert formulas
    rows = kh.rank(model, formulas)
    expected = dict(zip(rows["formula"].to_pylist(), rows["mean"].to_pylist(), strict=True))
    assert [expected[text] for text in formulas] == pytest.approx(part.scores["mean"].to_pylist(), rel=1e-5)
