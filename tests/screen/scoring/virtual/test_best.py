"""Searches of virtual catalogues: the filter against plain enumeration, the best against an ordinary screening."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from kakehashi.catalogs.candidates.candidates import open_catalog
from kakehashi.catalogs.candidates.space import Space, decode, families, make_space, text_of
from kakehashi.catalogs.elements import RADIOACTIVE, SYMBOLS
from kakehashi.catalogs.formulas.slots import formula_text, parse
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.runs.rundir import Results, RunDir
from kakehashi.screen.ranking.filters import parse_filter
from kakehashi.screen.ranking.rank import Order, rank
from kakehashi.screen.scoring import batches
from kakehashi.screen.scoring.columns import ScoredPartition
from kakehashi.screen.scoring.committed import score_catalog
from kakehashi.screen.scoring.cut import CPU, GPU
from kakehashi.screen.scoring.partitions import PartitionScorer, make_scorer, score_partition, score_serially
from kakehashi.screen.scoring.virtual import best, gather
from kakehashi.screen.scoring.virtual import tiles as neutral
from kakehashi.screen.scoring.virtual.search import IndexCounts, make_search
from kakehashi.screen.scoring.virtual.tiles import cut_tiles, element_codes, filter_tile, padded_tables, tile_layouts

if TYPE_CHECKING:
    from kakehashi.screen.transfer.fit import Model

Run = Callable[..., tuple[int, str, str]]
# C and Se have one electronegativity, and Th is radioactive.
ELEMENTS = ("Na", "Fe", "Sn", "C", "Se", "Cl", "O", "Th")


@pytest.fixture(scope="module")
def space() -> Space:
    return make_space(elements=ELEMENTS, max_elements=4, max_atoms=9)


@pytest.fixture(scope="module")
def balanced(space: Space) -> np.ndarray:
    """(indices,) which compositions balance, by trying every assignment of pymatgen's common states."""
    from pymatgen.core.periodic_table import Element

    states = {s: [q for q in Element(s).common_oxidation_states if q] for s in ELEMENTS}
    negativity = {s: Element(s).X for s in ELEMENTS}

    def neutral(amounts: dict[str, float]) -> bool:
        for charges in product(*(states[s] for s in amounts)):
            if sum(q * n for q, n in zip(charges, amounts.values(), strict=True)):
                continue
            ions = list(zip(charges, amounts, strict=True))
            if max(negativity[s] for q, s in ions if q > 0) < min(negativity[s] for q, s in ions if q < 0):
                return True
        return False

    return np.array([neutral(parse(text)) for text in formula_text(decode(space, np.arange(space.size)))])


def passing(space: Space, start: int, stop: int, banned: tuple[str, ...] = ()) -> tuple[np.ndarray, int, int]:
    """Indices that pass, and how many are not balanced and banned, tile by tile."""
    known, found, unbalanced, out = jnp.asarray(element_codes(space, banned)), [], 0, 0
    for family, layout in zip(families(space), tile_layouts(space), strict=True):
        held = {**jax.tree.map(jnp.asarray, padded_tables(family, layout)), "codes": known}
        for tile in cut_tiles(family, layout, start, stop):
            seen = filter_tile(layout, held, tile, start, stop)
            places = np.asarray(seen.places)[: seen.passing].astype(np.int64)
            rows, systems = np.divmod(places, layout.systems)
            found.append(tile.start + rows * layout.system_count + systems)
            unbalanced, out = unbalanced + seen.unbalanced, out + seen.banned
    return np.concatenate(found), unbalanced, out


@pytest.mark.parametrize("size", [1 << 19, 1000, 17])
def test_the_filter_passes_what_balances(
    space: Space, balanced: np.ndarray, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neutral, "cut", lambda: CPU._replace(tile=size))
    step = space.size if size > 17 else 900
    start = 0 if size > 17 else families(space)[2].start - 450
    found, unbalanced, _ = passing(space, start, start + step)
    asked = balanced[start : start + step]
    assert found.tolist() == (start + np.flatnonzero(asked)).tolist()
    assert unbalanced == int(np.sum(~asked))
    assert 0.02 < asked.mean() < 0.5


def test_ranges_share_no_index_and_leave_none_out(space: Space, balanced: np.ndarray) -> None:
    edges = [0, 1, 100, 1024, space.size // 2, space.size - 1, space.size]
    parts = [passing(space, a, b)[0] for a, b in pairwise(edges)]
    assert np.concatenate(parts).tolist() == np.flatnonzero(balanced).tolist()


def test_elements_that_are_excluded(space: Space, balanced: np.ndarray) -> None:
    found, unbalanced, banned = passing(space, 0, space.size, ("Th", "Na", "Pu"))
    elements = decode(space, np.arange(space.size)).elements
    holds = np.isin(elements, [SYMBOLS.index("Th"), SYMBOLS.index("Na")]).any(axis=1)
    assert found.tolist() == np.flatnonzero(balanced & ~holds).tolist()
    assert (unbalanced, banned) == (int(np.sum(~balanced)), int(np.sum(holds)))


def test_elements_of_one_electronegativity_are_no_cation_and_anion() -> None:
    apart = make_space(elements=("C", "Se"), max_elements=2, max_atoms=6)
    assert passing(apart, 0, apart.size)[0].size == 0  # CSe2 would balance
    pair = make_space(elements=("Fe", "O"), max_elements=2, max_atoms=6)
    texts = formula_text(decode(pair, passing(pair, 0, pair.size)[0]))
    assert sorted(texts) == ["Fe2O3", "FeO"]


def test_large_charges_do_not_wrap_around() -> None:
    """31 atoms of charge 9 need nine words of bits; nothing may come back at the lower end."""
    wide = make_space(elements=("Na", "O"), states={"Na": (9,), "O": (-9, -8)}, max_elements=2, max_atoms=32)
    texts = formula_text(decode(wide, passing(wide, 0, wide.size)[0]))
    assert sorted(texts) == ["Na8O9", "NaO"]


def test_places_on_another_device_are_the_same() -> None:
    mask = np.random.default_rng(0).random(5000) < 0.1
    places, count = neutral._list_places(jnp.asarray(mask), 5120)
    assert int(count) == mask.sum()
    assert np.asarray(places)[: int(count)].tolist() == np.flatnonzero(mask).tolist()
    assert not np.asarray(places)[int(count) :].any()


def searched(model: Model, space: Space, order: Order, size: int) -> tuple[pa.Table, IndexCounts]:
    search = make_search(space, order, log=model.target.log)
    scorer, parts = make_scorer(model, search), []
    for start in range(0, space.size, size):
        rows = pa.table({"start": [start], "stop": [min(start + size, space.size)]})
        parts.append(scorer(rows))
    kept = pa.concat_tables([part.scores for part in parts])
    return rank(kept, order, log=model.target.log).table, sum((part.counts for part in parts), IndexCounts())


@pytest.fixture(scope="module")
def everything(space: Space, balanced: np.ndarray, tiny_model: Model) -> pa.Table:
    """All candidates of the space scored as rows of an ordinary catalogue."""
    scorer = make_scorer(tiny_model)
    indices = np.flatnonzero(balanced)
    ids = [f"{i:0{len(str(space.size - 1))}d}" for i in indices]
    texts = formula_text(decode(space, indices))
    rows = pa.table({"id": ids, "formula": texts, "origin": ["enumerated"] * len(ids)})
    return score_partition(scorer.model, scorer.device_model, rows).scores


@pytest.mark.parametrize(
    "order",
    [
        Order(top=40),
        Order(top=40, minimise=True),
        Order(top=40, by="lower"),
        Order(top=40, by="upper", minimise=True),
        Order(top=40, by="probability", threshold=2.0),
        Order(top=25, filters=(parse_filter("domain!=out"),), exclude=("Th",)),
        Order(top=9999, filters=(parse_filter("domain==edge"),)),
        Order(top=30, radioactive=False),
    ],
)
def test_the_best_are_those_of_an_ordinary_screening(
    space: Space, everything: pa.Table, tiny_model: Model, order: Order
) -> None:
    expected = rank(everything, order, log=tiny_model.target.log).table
    found, counts = searched(tiny_model, space, order, space.size)
    assert found.equals(expected)
    again, same = searched(tiny_model, space, order, space.size // 3 + 1)
    assert again.equals(expected)
    assert same == counts
    domains = everything["domain"].to_pylist()
    if not order.exclude and order.radioactive:
        assert counts.scored == everything.num_rows
        assert [counts.inside, counts.edge, counts.out] == [domains.count(d) for d in ("in", "edge", "out")]
        ends = pc.min_max(everything["mean"]).as_py()
        assert (np.exp(counts.low), np.exp(counts.high)) == (ends["min"], ends["max"])
    assert counts.visited == space.size == counts.scored + counts.filtered
    assert counts.refused == counts.scored - rank_all(everything, order, tiny_model)


def test_candidates_of_several_tiles_share_batches(space: Space, balanced: np.ndarray, tiny_model: Model) -> None:
    """All batches but the last are full, in the order of the indices of a tile, whatever the tiles."""
    search = make_search(space, Order(), log=True)
    gathered = list(gather.gather_candidates(search, tiny_model.domain, 0, space.size, per_atom=False))
    batches = [part for part in gathered if isinstance(part, gather.Candidates)]
    assert len(gathered) - len(batches) == len(families(space)) == 3  # a tile of each
    assert [batch.used for batch in batches[:-1]] == [CPU.rows] * (len(batches) - 1)
    places = np.concatenate([np.asarray(batch.slots.place)[: batch.used] for batch in batches])
    assert sorted(places.tolist()) == np.flatnonzero(balanced).tolist()
    assert len(batches) == -(-int(balanced.sum()) // CPU.rows)
    last = batches[-1]
    elements, amounts = (np.asarray(part)[: last.used] for part in last.slots[:2])
    expected = decode(space, places[-last.used :].astype(np.int64))
    for row in range(last.used):
        pairs = zip(expected.elements[row], expected.amounts[row], strict=True)
        own = zip(elements[row].tolist(), amounts[row].tolist(), strict=True)
        assert {pair for pair in own if pair[0] >= 0} == {(int(e), float(n)) for e, n in pairs if e >= 0}


def test_a_gpu_cuts_in_other_pieces_and_finds_the_same(
    space: Space, everything: pa.Table, tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Larger tiles and other batches, places listed by the device: the same rows and counts, means but for rounding."""
    order = Order(top=40)
    expected, counts = searched(tiny_model, space, order, space.size)
    wide = GPU._replace(rows=384)
    for module in (gather, neutral, batches):
        monkeypatch.setattr(module, "cut", lambda: wide)
    monkeypatch.setattr(neutral, "platform", lambda: "gpu")
    assert max(layout.rows * layout.systems for layout in tile_layouts(space)) <= GPU.tile
    found, same = searched(tiny_model, space, order, space.size)
    assert same._replace(low=None, high=None) == counts._replace(low=None, high=None)
    assert found["formula"].to_pylist() == expected["formula"].to_pylist()
    for name in ("mean", "lower", "upper", "spread", "distance"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-6)


def rank_all(everything: pa.Table, order: Order, model: Model) -> int:
    """How many scored candidates meet the filters on verdicts."""
    banned = set(order.exclude) | (set() if order.radioactive else RADIOACTIVE)
    rows = [row for row in everything.to_pylist() if not banned & set(parse(row["formula"]))]
    if not order.filters:
        return len(rows)
    table = pa.Table.from_pylist(rows, everything.schema)
    return rank(table, order._replace(top=None), log=model.target.log).table.num_rows


@pytest.mark.fault
def test_predictions_that_are_no_numbers_are_quarantined(
    space: Space, everything: pa.Table, tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order(top=20)
    limit = float(np.log(np.sort(everything["mean"].to_numpy())[-6]))
    usual = best._limits
    monkeypatch.setattr(best, "_limits", lambda model, search: usual(model, search) | {"largest": np.float32(limit)})
    scorer = make_scorer(tiny_model, make_search(space, order, log=True))
    part = scorer(pa.table({"start": [0], "stop": [space.size]}))
    expected = rank(everything, Order(top=5), log=True).table["formula"].to_pylist()
    assert sorted(part.quarantine["formula"].to_pylist()) == sorted(expected)
    assert set(part.quarantine["reason"].to_pylist()) == {"the prediction is not a finite number"}
    assert not set(part.scores["formula"].to_pylist()) & set(expected)
    assert part.counts is not None
    assert (part.counts.unscorable, part.counts.scored) == (5, everything.num_rows - 5)


class Stopping:
    """An executor that counts its partitions and ends the process's work before one of them."""

    def __init__(self, stop: int = -1) -> None:
        self.calls, self.stop = 0, stop

    def __call__(self, scorer: PartitionScorer, padded_tables: Iterable[pa.Table]) -> Iterator[ScoredPartition]:
        for rows in padded_tables:
            if self.calls == self.stop:
                os.kill(os.getpid(), signal.SIGINT)
            self.calls += 1
            yield scorer(rows)


@pytest.fixture
def space_file(space: Space, tmp_path: Path) -> Path:
    path = tmp_path / "space.toml"
    path.write_text(text_of(space))
    return path


@pytest.mark.fault
@pytest.mark.usefixtures("interruptible")
def test_parts_of_a_search_are_kept_and_damaged_ones_made_again(
    space: Space, space_file: Path, tiny_model: Model, tmp_path: Path
) -> None:
    catalog = open_catalog(str(space_file), virtual=True)
    search = make_search(space, Order(top=20), log=True)
    size, out = space.size // 4 + 1, tmp_path / "run"

    def into(executor: Stopping, asked: object = search) -> tuple[IndexCounts, dict[str, bytes]]:
        with RunDir(out, resume=out.exists()) as rundir:
            found = score_catalog(
                rundir, tiny_model, catalog, executor=executor, partition_rows=size, search=asked  # type: ignore[arg-type]
            )  # fmt: skip
            assert found.counts is not None
            assert list(found.quarantine())
            return found.counts, {n: (out / n).read_bytes() for n in rundir.names() if "part-" in n}

    with pytest.raises(KeyboardInterrupt):
        into(Stopping(stop=2))
    rest = Stopping()
    counts, before = into(rest)
    assert rest.calls == 1
    assert counts.visited == space.size
    damaged = out / "kept/part-00001.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")
    one = Stopping()
    assert into(one) == (counts, before)
    assert one.calls == 1
    other = Stopping()
    into(other, make_search(space, Order(top=21), log=True))
    assert other.calls == 4  # what is kept depends on what is asked


def test_a_virtual_run_from_end_to_end(
    space: Space, space_file: Path, everything: pa.Table, screen: Run, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ["--catalog", space_file, "--top", 30, "--partition-rows", 50, "--exclude-elements", "Th"]
    code, said, err = screen(*words, "--out", out)
    assert (code, err) == (0, "")
    results = Results(out)
    results.verify()
    assert not [name for name in results.names() if "part-" in name]
    record = json.loads((out / "run.json").read_text())
    virtual, catalog = record["virtual"], record["catalog"]
    assert catalog["rows"] == virtual["visited"] == space.size == virtual["filtered"] + catalog["scored"]
    assert catalog["quarantined"] == 0
    assert sum(record["domain"].values()) == catalog["scored"]
    assert record["ranked"] == pq.read_table(out / "ranking.parquet").num_rows == 30
    expected = rank(everything, Order(top=30, exclude=("Th",)), log=True).table
    names = [name for name in expected.column_names if name != "rank"]
    assert pq.read_table(out / "ranking.parquet").select(names).equals(expected.select(names))
    assert f"{space.size:,} indices" in said
    assert "1,000,000,000 candidates would take" in said
    assert "without Th fails" in said
    code, said, _ = screen(*words, "--out", out, "--resume")
    assert (code, "nothing to do" in said) == (0, True)


@pytest.mark.slow
def test_workers_write_the_same_bytes(space_file: Path, screen: Run, tmp_path: Path) -> None:
    words = ["--catalog", space_file, "--top", 30, "--partition-rows", 50]
    assert screen(*words, "--out", tmp_path / "one")[0] == 0
    assert screen(*words, "--out", tmp_path / "two", "--workers", 2)[0] == 0
    assert (tmp_path / "one/ranking.parquet").read_bytes() == (tmp_path / "two/ranking.parquet").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--per-system", 2], "--per-system: expected a catalogue of rows"),
        (["--filter", "mean>3"], "filter mean>3: a virtual catalogue knows domain!=out"),
        (["--filter", "origin==enumerated"], "filter origin==enumerated"),
        (["--export", "cif"], "--export"),
    ],
)
def test_what_a_virtual_catalogue_cannot_do(
    space_file: Path, screen: Run, tmp_path: Path, words: list[object], message: str
) -> None:
    code, _, err = screen("--catalog", space_file, "--out", tmp_path / "run", *words)
    assert code == 2
    assert message in err


def test_the_python_api_searches_too(space: Space, space_file: Path, tiny_model: Model, tmp_path: Path) -> None:
    import kakehashi as kh

    record = kh.screen(tiny_model, catalog=str(space_file), out=tmp_path / "run", top=3)
    assert (record["ranked"], record["virtual"]["visited"]) == (3, space.size)


def test_an_order_refuses_a_search_of_structures_or_too_large_a_partition(space: Space, tiny_model: Model) -> None:
    scorer = make_scorer(tiny_model, make_search(space, Order(), log=True))
    with pytest.raises(UserError, match="--partition-rows"):
        next(score_serially(scorer, [pa.table({"start": [0], "stop": [1 << 31]})]))
