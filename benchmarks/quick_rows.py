"""The rows of quick.py: each gives what both sides cost for as many units, and the number of these units.

Not a script.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
from peers import FoldedHead, fold_heads, folded_means, fused_adam, numpy_descriptors
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from today import (
    Cost,
    cost,
    linear_model,
    mp_formulas,
    numpy_features,
    pymatgen_compositions,
    standard_inputs,
    xenonpy_descriptors,
)

from kakehashi.catalogs.candidates.space import decode, families, make_space
from kakehashi.catalogs.formulas.slots import formula_text, parse_column
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.catalogs.records import Compositions
from kakehashi.screen.descriptors.composition import BATCH, compute
from kakehashi.screen.descriptors.scaling import CLAMP, standardise
from kakehashi.screen.heads.forest import MAX_FEATURES, TREES, flatten, predict
from kakehashi.screen.networks.pretrain import Schedule, pretrain
from kakehashi.screen.networks.pyramid import Network
from kakehashi.screen.networks.source import Settings, Source, described, judged, prepare
from kakehashi.screen.ranking.csv_text import csv_bytes
from kakehashi.screen.scoring.batches import predict_compositions
from kakehashi.screen.scoring.device_model import prepare_model
from kakehashi.screen.scoring.virtual.tiles import cut_tiles, element_codes, filter_tile, padded_tables, tile_layouts
from kakehashi.screen.transfer.features import compute_features
from kakehashi.screen.transfer.fit import Model
from kakehashi.screen.transfer.plan import layer_slice

NETWORKS, EPOCHS, FEW = 8, 10, 200
SCORED = 8 * BATCH
SCHEDULE = Schedule(max_epochs=EPOCHS, patience=EPOCHS + 1, row_visits=10**9)

Row = Callable[[], tuple[Cost, Cost, float]]


class Trained(NamedTuple):
    """Networks, what training them again costs, and models with ridge heads on them on both sides."""

    networks: list[Network]
    training: Cost
    source: Source
    model: Model
    folded: list[FoldedHead]


def scaled(side: Cost, factor: float) -> Cost:
    """Cost of `factor` times as much work."""
    return Cost(side.wall * factor, side.processor * factor)


def joined(*sides: Cost) -> Cost:
    """Cost of one after the other."""
    return Cost(*map(sum, zip(*sides, strict=True)))


@functools.cache
def slots() -> Compositions:
    """Compositions of the formulas that are scored."""
    return parse_column(pa.array(mp_formulas(SCORED))).compositions


@functools.cache
def trained() -> Trained:
    """Networks on a real source, trained for a few epochs, with heads on the conductivities."""
    ready = prepare([load_table("volume_per_atom")], Settings(NETWORKS, schedule=SCHEDULE))

    def again() -> list[Network]:
        return pretrain(0, ready.x, ready.y, networks=NETWORKS, schedule=SCHEDULE)

    networks = again()  # compiles
    training = cost(again, 2)
    source = described("volume_per_atom", ready.rows, judged(ready, Settings(NETWORKS), networks))
    target = load_table("ltc", log=True)
    model, member = linear_model(source, target)
    features = compute_features(model.library, target.compositions)
    heads = [
        Ridge(1.0 / params["prior"]).fit(layer_slice(features.layers[0][i], 0), target.y)
        for i, params in enumerate(member.params)
    ]
    return Trained(networks, training, source, model, fold_heads(source, heads))


def formulas() -> tuple[Cost, Cost, float]:
    texts, some = mp_formulas(), mp_formulas(FEW * 5)
    column = pa.array(texts)
    ours = cost(lambda: parse_column(column))
    return ours, scaled(cost(lambda: pymatgen_compositions(some)), len(texts) / len(some)), len(texts)


def descriptors_numpy() -> tuple[Cost, Cost, float]:
    """Both from the same slots, which the same reader made."""
    given = slots()
    ours = lambda: compute(given, "cell")  # amounts as they are, on both sides
    found = numpy_descriptors(*given)
    apart = np.abs(ours() - found).max(axis=0) / np.abs(found).max(axis=0)
    if apart.max() > 1e-3:
        raise SystemExit(f"the two sides describe differently: {apart.max():.1e}")
    return cost(ours, 5), cost(lambda: numpy_descriptors(*given), 5), SCORED


def descriptors_loop() -> tuple[Cost, Cost, float]:
    texts, some = mp_formulas(SCORED), mp_formulas(FEW)
    column = pa.array(texts)
    ours = cost(lambda: compute(parse_column(column).compositions))
    theirs = cost(lambda: xenonpy_descriptors(pymatgen_compositions(some)), 2)
    return ours, scaled(theirs, SCORED / FEW), SCORED


def scores_numpy() -> tuple[Cost, Cost, float]:
    """Ours with spreads and distances; theirs means alone. Both from slots."""
    model, folded, given = trained().model, trained().folded, slots()
    ready, scaling = prepare_model(model), trained().source.scaling

    def theirs() -> np.ndarray:
        x = (numpy_descriptors(*given) - scaling.mean.astype(np.float32)) / scaling.scale.astype(np.float32)
        return folded_means(folded, np.clip(x, -CLAMP, CLAMP))

    ours = predict_compositions(ready, given).mean
    apart = np.abs(ours - theirs()).max() / model.target.y.std()
    if apart > 5e-3:
        raise SystemExit(f"the two sides do not predict the same: {apart:.1e}")
    return cost(lambda: predict_compositions(ready, given), 4), cost(theirs, 4), SCORED


def scores_fast() -> tuple[Cost, Cost, float]:
    exact, fast = (prepare_model(trained().model, precision) for precision in ("exact", "fast"))
    given = slots()
    for ready in (exact, fast):
        predict_compositions(ready, given)  # compiles
    return (
        cost(lambda: predict_compositions(fast, given), 4),
        cost(lambda: predict_compositions(exact, given), 4),
        SCORED,
    )


def training() -> tuple[Cost, Cost, float]:
    """Compiled already on both sides; theirs one network after the other."""
    table = load_table("volume_per_atom")
    ready = prepare([table], Settings(NETWORKS))
    held = round(SCHEDULE.validation * len(ready.x))
    steps = max(1, round((len(ready.x) - held) / SCHEDULE.batch))
    size = (len(ready.x) - held) // steps
    rows = np.concatenate([
        np.random.default_rng(i).permutation(len(ready.x) - held)[: steps * size].reshape(steps, size)
        for i in range(EPOCHS)
    ])  # fmt: skip
    batches = ready.x[rows].astype(np.float32), ready.y[rows].astype(np.float32)
    programs = [fused_adam(network.widths, batches, SCHEDULE.learning_rate) for network in trained().networks]
    for program in programs:
        program()  # compiles
    return trained().training, cost(lambda: [program() for program in programs], 2), NETWORKS * EPOCHS * len(ready.x)


@functools.cache
def forest() -> tuple[RandomForestRegressor, np.ndarray, np.ndarray]:
    """A forest on the frozen features of a network, the rows it learned from, and rows to predict."""
    target = load_table("ltc", log=True)
    features = compute_features(trained().model.library, target.compositions)
    x = np.asarray(layer_slice(features.layers[0][0], 0), np.float32)
    inputs = np.asarray(standardise(trained().source.scaling, compute(slots())), np.float32)
    rows = numpy_features(trained().source, 0, inputs).astype(np.float32)
    grown = RandomForestRegressor(TREES, max_features=MAX_FEATURES, random_state=0, n_jobs=1).fit(x, target.y)
    return grown, x, rows


def forests() -> tuple[Cost, Cost, float]:
    grown, _, rows = forest()
    params = {k: jnp.asarray(v, jnp.int32 if v.dtype.kind == "i" else jnp.float32) for k, v in flatten(grown).items()}
    program, parts = jax.jit(predict), [jnp.asarray(rows[at : at + BATCH]) for at in range(0, len(rows), BATCH)]
    score: Callable[[], Any] = lambda: [np.asarray(program(params, part)[0]) for part in parts]
    score()  # compiles
    return cost(score), cost(lambda: grown.predict(rows), 2), len(rows)


def charge_balance() -> tuple[Cost, Cost, float]:
    """Indices of a virtual catalogue judged; theirs pymatgen's guesses of oxidation states."""
    space = make_space(elements=("Li", "Na", "Mg", "Ca", "Al", "Fe", "Ti", "O", "S", "F", "Cl"), max_atoms=12)
    family, layout = families(space)[2], tile_layouts(space)[2]
    arrays = {
        **jax.tree.map(jnp.asarray, padded_tables(family, layout)), "codes": jnp.asarray(element_codes(space, ()))
    }  # fmt: skip
    stop = family.start + family.size
    tiles = list(cut_tiles(family, layout, family.start, stop))

    def ours() -> list[int]:
        return [filter_tile(layout, arrays, tile, family.start, stop).passing for tile in tiles]

    ours()  # compiles
    some = pymatgen_compositions(formula_text(decode(space, np.linspace(family.start, stop - 1, FEW).astype(np.int64))))
    theirs = cost(lambda: [composition.oxi_state_guesses() for composition in some], 2)
    return cost(ours), scaled(theirs, family.size / FEW), family.size


def ranking_text() -> tuple[Cost, Cost, float]:
    """A ranking of many rows as CSV; theirs by pandas."""
    rng, n = np.random.default_rng(0), 50_000
    texts = mp_formulas()
    table = pa.table({
        "rank": np.arange(n), "id": [f"mp-{i}" for i in range(n)], "formula": [texts[i % len(texts)] for i in range(n)],
        **{name: rng.normal(size=n) for name in ("mean", "lower", "upper", "spread", "distance")},
    })  # fmt: skip
    frame = table.to_pandas()
    return cost(lambda: csv_bytes(table)), cost(lambda: frame.to_csv(index=False), 2), n


def pipeline() -> tuple[Cost, Cost, float]:
    """Texts to scores with training; theirs as tools come, with ten forests a network fitted once per fold."""
    texts, some = mp_formulas(SCORED), mp_formulas(FEW)
    column, ready, source = pa.array(texts), prepare_model(trained().model), trained().source
    scored = cost(lambda: predict_compositions(ready, parse_column(column).compositions), 2)
    modelled = cost(lambda: linear_model(source, load_table("ltc", log=True)), 1)
    x = standard_inputs(source, xenonpy_descriptors(pymatgen_compositions(some)))
    grown, known, rows = forest()
    y = load_table("ltc", log=True).y
    theirs = joined(
        trained().training,
        scaled(cost(lambda: xenonpy_descriptors(pymatgen_compositions(some)), 1), SCORED / FEW),
        scaled(cost(lambda: [numpy_features(source, i, x) for i in range(NETWORKS)], 2), SCORED / FEW),
        scaled(cost(lambda: grown.fit(known, y), 1), 10 * NETWORKS),
        scaled(cost(lambda: grown.predict(rows), 1), 10 * NETWORKS),
    )
    return joined(trained().training, modelled, scored), theirs, SCORED


ROWS: dict[str, Row] = {
    "formulas read, against pymatgen's Composition": formulas,
    "descriptors from slots, against twenty lines of NumPy": descriptors_numpy,
    "descriptors from text, against XenonPy's loop as it comes": descriptors_loop,
    "scores of 8 networks, against batched NumPy, heads folded, means only": scores_numpy,
    "scores of 8 networks, fast precision against exact": scores_fast,
    "pre-training 8 networks, compiled, against fused Adam (optax)": training,
    "forests predicting, against scikit-learn on one processor": forests,
    "charge balance of virtual candidates, against pymatgen's guesses as they come": charge_balance,
    "a ranking written as CSV, against pandas": ranking_text,
    "whole run against today's pipeline as it comes, part extrapolated": pipeline,
}
