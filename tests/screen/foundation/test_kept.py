"""Entries of foundation networks: kept, found, read as they were."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from kakehashi.catalogs.models import card_checks, index_fields
from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.models.evict import KEPT
from kakehashi.catalogs.records import UserError
from kakehashi.screen.foundation import kept
from kakehashi.screen.foundation.kept import (
    find_foundation,
    keep_foundation,
    read_foundation,
    recompute,
    shipped_foundation,
    stored_of,
    with_probe,
)
from kakehashi.screen.foundation.training.cards import check_foundation, foundation_card
from kakehashi.screen.foundation.training.fit import foundation_key
from kakehashi.screen.models.verify import verify


@pytest.fixture
def entry(planted_data, quick, planted_foundation, tmp_path, monkeypatch):
    monkeypatch.setenv("KAKEHASHI_HOME", str(tmp_path))
    stored = with_probe(planted_foundation.foundation, planted_data.compositions)
    card = foundation_card(planted_data, quick, planted_foundation)
    return keep_foundation(foundation_key(planted_data, quick), stored, card)


def test_what_is_read_is_what_was_trained(entry, planted_data, planted_foundation):
    trained, read = planted_foundation.foundation, find_foundation(planted_data.name)
    for one, other in zip(jax.tree.leaves(trained), jax.tree.leaves(read), strict=True):
        np.testing.assert_array_equal(one, other)
    assert type(read.tasks[0]).__name__ == "FoundationTask"
    assert (entry / KEPT).exists()
    arrays = load_file(entry / shelf.ARRAYS)
    assert {str(a.dtype) for name, a in arrays.items() if "kernel" in name} == {"float16"}


def test_no_value_is_kept(entry, planted_data):
    values = planted_data.values[np.isfinite(planted_data.values)]
    held = np.concatenate(
        [a.ravel().astype(float) for a in load_file(entry / shelf.ARRAYS).values() if a.dtype.kind == "f"]
    )
    wide = values[(values != np.round(values)) & (np.abs(values) > 1e-3)]
    assert np.isin(wide.astype(np.float32), held.astype(np.float32)).mean() < 0.01


def test_verify_recomputes_bit_by_bit(entry):
    one = verify(entry.name, entry)
    assert (one.outcome, one.sound) == ("bitwise", True)
    assert "of 6 networks" in one.text


@pytest.mark.fault
def test_changed_weights_are_seen(entry, planted_data):
    found = shelf.read(entry, entry.name)
    stored = stored_of(found.arrays)
    network = stored.foundation.full[0]
    changed = stored.foundation._replace(full=(network._replace(bias=network.bias + 1),))
    off = np.abs(recompute(changed, stored.probe) - stored.predictions)
    assert off[:, 0].min() > 0.9
    assert off[:, 1:].max() == 0


def test_the_card_says_terms_rows_and_errors_by_fold(entry, planted_data, planted_foundation):
    card = json.loads((entry / shelf.CARD).read_bytes())
    card_checks.check(card)
    check_foundation(card, planted_foundation.foundation)
    assert [task["rows"] for task in card["tasks"]] == [task.rows for task in planted_data.tasks]
    k = [task.name for task in planted_data.tasks].index("a:linear")
    scale = planted_data.tasks[k].scale
    np.testing.assert_allclose(card["tasks"][k]["mae_by_fold"], planted_foundation.foundation.errors[k] * scale)
    rows = index_fields.rows_of(card, entry)
    assert len(rows) == len(planted_data.tasks)
    assert rows[k]["pearson_corr"] > 0.8
    assert index_fields.table_of([rows]).num_rows == len(rows)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"formulas": 0}, "formulas: expected a whole number"),
        ({"structure": "384"}, "structure: expected widths"),
        ({"tasks": []}, "number of tasks"),
    ],
)
def test_cards_that_cannot_be(entry, change, said):
    card = json.loads((entry / shelf.CARD).read_bytes())
    with pytest.raises(ValueError, match=said):
        card_checks.check(card | change)


@pytest.mark.fault
def test_a_card_of_other_networks(entry, planted_foundation):
    card = json.loads((entry / shelf.CARD).read_bytes())
    card["tasks"][0]["unit"] = "J"
    with pytest.raises(ValueError, match="tasks: the card says"):
        check_foundation(card, planted_foundation.foundation)


@pytest.mark.fault
def test_what_is_not_there_and_what_is_damaged(entry, monkeypatch):
    with pytest.raises(UserError, match=r"no foundation networks called 'other' \(known: .*planted"):
        find_foundation("other")
    data = bytearray((entry / shelf.ARRAYS).read_bytes())
    data[-1] ^= 1
    (entry / shelf.ARRAYS).write_bytes(bytes(data))
    with pytest.raises(UserError, match="damaged") as raised:
        read_foundation(entry)
    assert raised.value.code == 6


def test_the_package_may_carry_one(entry, planted_data, monkeypatch):
    monkeypatch.setattr(shelf, "SHIPPED", entry.parent)
    shipped_foundation.cache_clear()
    try:
        assert shipped_foundation().name == planted_data.name
        monkeypatch.setattr(kept.shelf, "SHIPPED", entry.parent / "none")
        shipped_foundation.cache_clear()
        assert shipped_foundation() is None
    finally:
        shipped_foundation.cache_clear()
