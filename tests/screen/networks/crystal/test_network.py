"""Crystal graphs and their network: whole shells, an independent NumPy network, invariances, learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from kakehashi.catalogs.crystals.tables import parse_rows
from kakehashi.catalogs.elements import feature_table
from kakehashi.catalogs.records import Crystals
from kakehashi.screen.descriptors.neighbours import Graphs, connect
from kakehashi.screen.networks.crystal.batches import Room, by_size, pack
from kakehashi.screen.networks.crystal.network import Batch, CrystalGraphNetwork, CrystalNetwork, Shape, centres
from kakehashi.screen.networks.crystal.train import Schedule, fresh, predict, train

SMALL = Shape(8, 2, 6)
FEW = Schedule(max_epochs=3, crystals=8)


def crystals(*structures: Structure) -> Crystals:
    found = parse_rows([{"structure": structure.to(fmt="json")} for structure in structures])
    assert set(found.reasons) == {""}
    return found.crystals


def graphs(*structures: Structure) -> Graphs:
    found = connect(crystals(*structures))
    assert set(found.reasons) == {""}
    return found.graphs


CENTRINGS = {
    "P": [[0, 0, 0]],
    "I": [[0, 0, 0], [0.5, 0.5, 0.5]],
    "F": [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
}


def cubic(centring: str, a: float, species: list[str], places: list[list[float]]) -> Structure:
    """A cubic cell, written out: pymatgen's own way through space groups takes a second."""
    sites = [(kind, np.add(place, c)) for kind, place in zip(species, places, strict=True) for c in CENTRINGS[centring]]
    return Structure(Lattice.cubic(a), [kind for kind, _ in sites], [place for _, place in sites])


IRON = cubic("I", 2.87, ["Fe"], [[0, 0, 0]])
DIAMOND = cubic("F", 3.567, ["C", "C"], [[0, 0, 0], [0.25, 0.25, 0.25]])
GRAPHITE = Structure(
    Lattice.hexagonal(2.46, 6.7), ["C"] * 4,
    [[0, 0, 0.25], [0, 0, 0.75], [1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]],
)  # fmt: skip
BLENDE = cubic("F", 5.42, ["Zn", "S"], [[0, 0, 0], [0.25, 0.25, 0.25]])
WURTZITE = Structure(
    Lattice.hexagonal(3.83, 3.83 * np.sqrt(8 / 3)), ["Zn", "Zn", "S", "S"],
    [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, 0.375], [2 / 3, 1 / 3, 0.875]],
)  # fmt: skip
# Alpha quartz, P3(1)21.
U, X, Y, Z = 0.4697, 0.4133, 0.2672, 0.2144
QUARTZ = Structure(
    Lattice.hexagonal(4.914, 5.405), ["Si"] * 3 + ["O"] * 6,
    [[U, 0, 1 / 3], [0, U, 2 / 3], [-U, -U, 0], [X, Y, Z], [-Y, X - Y, Z + 1 / 3], [Y - X, -X, Z + 2 / 3],
     [Y, X, -Z], [X - Y, -Y, 2 / 3 - Z], [-X, Y - X, 1 / 3 - Z]],
)  # fmt: skip


def perturbed(structure: Structure, seed: int) -> Structure:
    """Without any symmetry: every distance of its own."""
    rng = np.random.default_rng(seed)
    strain = np.eye(3) + 0.04 * rng.normal(size=(3, 3))
    places = structure.frac_coords + 0.02 * rng.normal(size=(len(structure), 3))
    return Structure(structure.lattice.matrix @ strain, structure.species, places)


def polymorphs(elements: Sequence[str]) -> list[Structure]:
    return [
        structure
        for i, metal in enumerate(elements)
        for structure in (cubic("F", 5.2 + 0.1 * i, [metal, "S"], [[0, 0, 0], [0.25, 0.25, 0.25]]),
                          cubic("F", 4.9 + 0.1 * i, [metal, "S"], [[0, 0, 0], [0.5, 0.5, 0.5]]))
    ]  # fmt: skip


CELLS = polymorphs(["Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Mn", "Fe", "Co"])
NAMES = [cell.reduced_formula for cell in CELLS]


@pytest.fixture(scope="module")
def network() -> CrystalNetwork:
    """Trained for a moment, so that its normalisations are no longer those it started with."""
    y = np.random.default_rng(0).normal(size=len(CELLS))
    return train(3, graphs(*CELLS), y, NAMES, networks=1, shape=SMALL, schedule=FEW)[0]


# --- neighbours


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        (IRON, [14, 14]),  # 8 + 6: the second shell whole
        (cubic("F", 3.61, ["Cu"], [[0, 0, 0]]), [12] * 4),
        (Structure(Lattice.cubic(3.35), ["Po"], [[0, 0, 0]]), [18]),  # 6 + 12
        (DIAMOND, [16] * 8),  # 4 + 12
    ],
)
def test_the_shell_of_the_twelfth_neighbour_is_taken_whole(structure: Structure, expected: list[int]) -> None:
    found = graphs(structure)
    assert np.bincount(found.centre).tolist() == expected
    assert (np.diff(found.centre) >= 0).all()


def test_edges_are_those_of_a_plain_search() -> None:
    cell = perturbed(QUARTZ, 1)
    found = graphs(cell)
    cart, matrix = cell.cart_coords, cell.lattice.matrix
    shifts = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), -1).reshape(-1, 3) @ matrix
    for i in range(len(cell)):
        distance = np.linalg.norm(cart[None, :, :] + shifts[:, None, :] - cart[i], axis=-1)
        nearest = np.sort(distance[distance > 1e-8])[:12]
        np.testing.assert_allclose(np.sort(found.distance[found.centre == i]), nearest, rtol=1e-6)
        # And to the right atoms: the nearest of each kind.
        for j in set(found.neighbour[found.centre == i].tolist()):
            own = found.distance[(found.centre == i) & (found.neighbour == j)]
            column = np.sort(distance[:, j][distance[:, j] > 1e-8])
            np.testing.assert_allclose(np.sort(own), column[: len(own)], rtol=1e-6)


def test_sparse_and_impossible_structures() -> None:
    chain = Structure(Lattice.orthorhombic(2.0, 30, 30), ["C"], [[0, 0, 0]])
    lonely = Structure(Lattice.cubic(30), ["Ar"], [[0, 0, 0]])
    clash = Structure(Lattice.cubic(5), ["C", "C"], [[0, 0, 0], [0, 0, 0.05]])
    found = connect(crystals(chain, lonely, clash, IRON))
    assert found.reasons.tolist()[0] == found.reasons.tolist()[3] == ""
    assert "no neighbour within 8 Å" in found.reasons[1]
    assert "0.25 Å apart" in found.reasons[2]
    assert np.diff(found.graphs.edges).tolist() == [8, 28]  # 2, 4, 6 and 8 Å to both sides


# --- the network against a plain one


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, x)


def plain_network(network: CrystalNetwork, structure: Structure) -> float:
    """Xie & Grossman's layers for one crystal in float64: concatenated features, one site after the other."""
    params = jax.tree.map(lambda a: np.asarray(a, np.float64), dict(network.params))
    stats = jax.tree.map(lambda a: np.asarray(a, np.float64), dict(network.stats))

    def norm(x: np.ndarray, weights: Any, moments: Any) -> np.ndarray:
        return (x - moments["mean"]) / np.sqrt(moments["var"] + 1e-5) * weights["scale"] + weights["bias"]

    table = feature_table()
    z = np.clip((table - table.mean(axis=0)) / table.std(axis=0), -6, 6)
    v = z[np.array(structure.atomic_numbers) - 1] @ params["embedding"]["kernel"] + params["embedding"]["bias"]
    lists = []
    for site in structure:
        around = sorted(structure.get_neighbors(site, 8.0), key=lambda n: n.nn_distance)
        lists.append([n for n in around if n.nn_distance <= around[11].nn_distance + 1e-3])
    for k in range(network.shape.convolutions):
        layer, moments = params[f"convolution_{k}"], stats[f"convolution_{k}"]
        weights = np.vstack([layer["own"]["kernel"], layer["other"]["kernel"], layer["distance"]["kernel"]])
        new = []
        for i, around in enumerate(lists):
            total = np.zeros(network.shape.width)
            for n in around:
                u = np.exp(-((n.nn_distance - np.arange(0, 8.1, 0.2)) ** 2) / 0.2**2)
                row = np.concatenate([v[i], v[n.index], u]) @ weights + layer["own"]["bias"]
                gate, core = np.split(norm(row, layer["edge_norm"], moments["edge_norm"]), 2)
                total += softplus(core) / (1 + np.exp(-gate))
            new.append(softplus(v[i] + norm(total, layer["atom_norm"], moments["atom_norm"])))
        v = np.array(new)
    hidden = softplus(v.mean(axis=0)) @ params["hidden"]["kernel"] + params["hidden"]["bias"]
    return float((softplus(hidden) @ params["output"]["kernel"] + params["output"]["bias"])[0])


@pytest.mark.parametrize("structure", [perturbed(QUARTZ, 7), WURTZITE, IRON])
def test_equal_to_a_plain_network(network: CrystalNetwork, structure: Structure) -> None:
    found = predict([network], graphs(structure))[0].prediction[0, 0]
    assert found == pytest.approx(plain_network(network, structure), rel=2e-5, abs=2e-5)


def test_gaussians_cover_the_radius() -> None:
    np.testing.assert_allclose(centres(), np.arange(0, 8.1, 0.2), atol=1e-6)


# --- what a prediction must not depend on


def rotated(structure: Structure) -> Structure:
    q = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    q *= np.sign(np.linalg.det(q))
    return Structure(structure.lattice.matrix @ q, structure.species, structure.frac_coords)


def shuffled(structure: Structure) -> Structure:
    order = np.random.default_rng(3).permutation(len(structure))
    return Structure.from_sites([structure[int(i)] for i in order])


def shifted(structure: Structure) -> Structure:
    return Structure(structure.lattice, structure.species, structure.frac_coords + np.array([0.31, -0.17, 0.77]))


def sheared(structure: Structure) -> Structure:
    """Another cell of the same lattice."""
    return structure * np.array([[1, 0, 0], [2, 1, 0], [-1, 1, 1]])


FORMS = {
    "supercell": lambda s: s * (2, 1, 3),
    "primitive": lambda s: s.get_primitive_structure(),
    "Niggli": lambda s: s.get_reduced_structure(),
    "order": shuffled,
    "origin": shifted,
    "rotation": rotated,
    "cell": sheared,
}


@pytest.mark.parametrize("form", FORMS)
def test_predictions_do_not_depend_on_the_form(network: CrystalNetwork, form: str) -> None:
    bases = [BLENDE, IRON, WURTZITE, QUARTZ, perturbed(QUARTZ, 11), DIAMOND]
    one = predict([network], graphs(*bases))[0]
    other = predict([network], graphs(*(FORMS[form](structure) for structure in bases)))[0]
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-5)


def test_the_first_twelve_alone_would_depend_on_the_form(
    network: CrystalNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordinary = cubic("P", 4.12, ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])  # 8 + 6
    cut = Structure(ordinary.lattice, ["Cs", "Na"], ordinary.frac_coords) * (2, 1, 1)
    cut[0] = "K"
    forms = [cut, sheared(shuffled(cut))]

    def gap() -> float:
        found = predict([network], graphs(*forms))[0].hidden
        return float(np.abs(found[0] - found[1]).max())

    assert gap() < 2e-5

    def first_twelve(centre: Any, distance: Any, sites: int, nearest: int) -> Any:
        order = np.lexsort((distance, centre))
        counts = np.bincount(centre, minlength=sites)
        starts = np.cumsum(counts) - counts
        return order[(np.arange(len(order)) - starts[centre[order]]) < nearest]

    monkeypatch.setattr("kakehashi.screen.descriptors.neighbours._nearest", first_twelve)
    assert gap() > 1e-3


def test_polymorphs_are_told_apart(network: CrystalNetwork) -> None:
    out = predict([network], graphs(DIAMOND, GRAPHITE, BLENDE, WURTZITE))[0]
    assert abs(out.prediction[0, 0] - out.prediction[1, 0]) > 1e-2
    # Their nearest 12 differ only beyond the first shell.
    assert abs(out.prediction[2, 0] - out.prediction[3, 0]) > 1e-4


def test_company_in_a_batch_changes_no_bit(network: CrystalNetwork) -> None:
    many = graphs(*(perturbed(s, i) for i, s in enumerate([QUARTZ, BLENDE, GRAPHITE] * 30)))
    whole = predict([network], many)[0]
    rows = np.array([80, 3, 41])
    alone = predict([network], many.take(rows))[0]
    for a, b in zip(whole, alone, strict=True):
        np.testing.assert_array_equal(a[rows], b)


def test_a_large_crystal_has_a_batch_of_its_own_size(network: CrystalNetwork) -> None:
    both = graphs(IRON * (9, 9, 9), IRON)  # 1,458 atoms
    assert [(room.atoms, rows.tolist()) for room, rows in by_size(both)] == [(1025, [1]), (2049, [0])]
    out = predict([network], both)[0].prediction
    assert out[0, 0] == pytest.approx(out[1, 0], rel=1e-4, abs=1e-5)
    with pytest.raises(ValueError, match="fewer than 1025 atoms"):
        list(pack(both, np.array([0]), Room(2, 1025, 99_999)))


# --- training


def in_training(packed: Batch, crystals_in: int) -> tuple[Any, Any]:
    start = fresh(np.random.default_rng(0), SMALL, packed, crystals_in)
    ask = jax.jit(
        lambda variables, batch: CrystalGraphNetwork(SMALL).apply(
            variables, batch, crystals_in, training=True, mutable=["batch_stats"]
        )
    )
    return ask({"params": start.params, "batch_stats": start.stats}, packed)


def test_padding_takes_no_part_in_the_normalisation() -> None:
    several = graphs(QUARTZ, BLENDE, GRAPHITE)
    rooms = [Room(4, 64, 512), Room(9, 200, 2000)]
    (one, moments), (two, others) = (
        in_training(next(pack(several, np.arange(3), room)).batch, room.crystals) for room in rooms
    )
    np.testing.assert_allclose(one.prediction[:3], two.prediction[:3], rtol=1e-5, atol=1e-5)
    for a, b in zip(jax.tree.leaves(moments), jax.tree.leaves(others), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_the_gradient_is_that_of_finite_differences() -> None:
    room = Room(4, 64, 512)
    batch = jax.tree.map(jnp.asarray, next(pack(graphs(QUARTZ, BLENDE, GRAPHITE), np.arange(3), room)).batch)
    start = fresh(np.random.default_rng(1), SMALL, batch, 4)
    params = start.params

    @jax.jit
    def loss(params: Any) -> jax.Array:
        variables = {"params": params, "batch_stats": start.stats}
        out, _ = CrystalGraphNetwork(SMALL).apply(variables, batch, 4, training=True, mutable=["batch_stats"])
        return jnp.sum((out.prediction[:3, 0] - jnp.arange(3.0)) ** 2)

    gradient = jax.jit(jax.grad(loss))(params)
    rng = np.random.default_rng(0)
    direction = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape), jnp.float32), params)
    step = 1e-3
    ahead, behind = (jax.tree.map(lambda p, d, s=s: p + s * step * d, params, direction) for s in (1.0, -1.0))
    measured = float(loss(ahead) - loss(behind)) / (2 * step)
    exact = sum(
        float(jnp.sum(g * d)) for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    )
    assert measured == pytest.approx(exact, rel=0.05)


def test_learns_what_no_composition_can_tell() -> None:
    """Rock salt +1, zinc blende -1: of metals held out by early stopping too."""
    y = np.array([-1.0, 1.0] * 10)
    schedule = Schedule(max_epochs=100, crystals=8, patience=100, learning_rate=1e-2)
    (found,) = train(0, graphs(*CELLS), y, NAMES, networks=1, shape=SMALL, schedule=schedule)
    assert found.losses.min() < 0.1 < found.losses[0]
    assert found.validation_r2[0] > 0.9
    fitted = predict([found], graphs(*CELLS))[0].prediction[:, 0]
    assert (np.sign(fitted) == y).all()


def test_one_seed_decides_everything() -> None:
    ask = lambda seed: train(seed, graphs(*CELLS), np.arange(20.0) / 10, NAMES, networks=1, shape=SMALL, schedule=FEW)[
        0
    ]
    first, again, other = (jax.tree.leaves(ask(seed).params) for seed in (5, 5, 6))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_what_nothing_can_be_learned_from() -> None:
    with pytest.raises(ValueError, match="finite targets"):
        train(0, graphs(*CELLS), np.full(20, np.nan), NAMES, networks=1)
    with pytest.raises(ValueError, match="at least 20 crystals"):
        train(0, graphs(*CELLS[:5]), np.zeros(5), NAMES[:5], networks=1)
    with pytest.raises(ValueError, match="of 2 formulas"):
        train(0, graphs(*CELLS), np.zeros(20), ["ZnS"] * 20, networks=1)
