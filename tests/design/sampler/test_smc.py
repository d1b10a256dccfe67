"""The sampler's parts one by one: steps of temperature, resampling, bookkeeping, resuming, and what it refuses."""

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from kakehashi.catalogs.records import UserError
from kakehashi.design.chemistry.provenance import Provenance
from kakehashi.design.proposals.proposal import choose, concatenate, differs, pack, size, take, unpack
from kakehashi.design.sampler import tempering
from kakehashi.design.sampler.checkpoint import Checkpoint, pack_evaluated, unpack_evaluated
from kakehashi.design.sampler.ledger import Evaluated, Ledger
from kakehashi.design.sampler.resampling import systematic
from kakehashi.design.sampler.smc import SmcResult, run
from kakehashi.design.sampler.tempering import effective_size, next_inverse_temperature
from kakehashi.design.sampler.trace import TemperingSettings

if TYPE_CHECKING:
    from conftest import Pairs, Toy

INF = np.inf


# --- inverse temperatures


def test_effective_size_of_equal_single_and_no_weights() -> None:
    assert effective_size(np.full(7, -1e5)) == pytest.approx(7)
    assert effective_size(np.array([0.0, -INF, -1e4])) == pytest.approx(1)
    assert effective_size(np.full(3, -INF)) == 0.0
    assert effective_size(np.log([1.0, 3.0])) == pytest.approx(16 / 10)


LIKELIHOODS = {
    "skewed": -(np.random.default_rng(0).exponential(30.0, 500) ** 2),
    "one good": np.concatenate([np.full(499, -800.0), [0.0]]),
    "one bad": np.concatenate([np.zeros(499), [-1e6]]),
    "far": -1e4 + np.random.default_rng(1).normal(0, 50, 500),
    "tiny differences": -1e-9 * np.arange(500.0),
    "mostly impossible": np.where(np.arange(500) < 450, -INF, -np.arange(500.0)),
    "huge": -np.geomspace(1e-3, 1e300, 500),
}


def keeps_its_share(log_likelihood: NDArray[np.float64], before: float, after: float, fraction: float) -> bool:
    """Whether a step leaves the share asked for, and could not have been longer."""
    alive = log_likelihood[log_likelihood > -INF]
    share = effective_size((after - before) * alive) / len(alive)
    return before < after <= 1 and share > fraction - 1e-6 and (after == 1 or share < fraction + 1e-3)


@pytest.mark.parametrize("before", [0.0, 0.3])
@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("name", [name for name in LIKELIHOODS if name not in ("one bad", "huge")])
def test_a_step_leaves_the_share_asked_for(name: str, fraction: float, before: float) -> None:
    after = next_inverse_temperature(LIKELIHOODS[name], before, fraction)
    assert keeps_its_share(LIKELIHOODS[name], before, after, fraction)


def test_steps_whose_share_jumps_stay_below_the_jump() -> None:
    # Losing the one bad particle costs less than a tenth: the step may be whole.
    assert next_inverse_temperature(LIKELIHOODS["one bad"], 0.0, 0.9) == 1.0
    step = next_inverse_temperature(LIKELIHOODS["huge"], 0.0, 0.9)
    assert effective_size(step * LIKELIHOODS["huge"]) >= 0.9 * 500
    assert step > 0


def test_an_inverted_test_of_the_effective_size_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison of 1 / ESS with the number of particles, as in XenonPy, never sees a step as too long."""
    right = tempering.effective_size
    monkeypatch.setattr(tempering, "effective_size", lambda w: len(w) if 1 / right(w) <= 0.9 * len(w) else 0.0)
    after = next_inverse_temperature(LIKELIHOODS["skewed"], 0.0, 0.9)
    assert after == 1.0
    assert not keeps_its_share(LIKELIHOODS["skewed"], 0.0, after, 0.9)


def test_constant_likelihoods_and_the_last_step_land_on_one_exactly() -> None:
    assert next_inverse_temperature(np.full(9, -3.7), 0.123, 0.9) == 1.0
    assert next_inverse_temperature(np.arange(9.0) * 1e-3, 1 / 3, 0.9) == 1.0
    assert next_inverse_temperature(np.full(9, -3.7), 1.0, 0.9, 8.0) == 8.0
    assert 1.0 < next_inverse_temperature(LIKELIHOODS["far"], 1.0, 0.9, 8.0) < 8.0
    with pytest.raises(ValueError, match="got none"):
        next_inverse_temperature(np.full(9, -INF), 0.0, 0.9)


# --- resampling


def test_systematic_resampling_takes_floor_or_ceil_and_the_right_number_on_average() -> None:
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(20))
    weights[[3, 19]] = 0
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights) - 1e5
    expected = 50 * weights / weights.sum()
    drawn = np.array([np.bincount(systematic(rng, log_weights, 50), minlength=20) for _ in range(4000)])
    assert (drawn >= np.floor(expected)).all()
    assert (drawn <= np.ceil(expected)).all()
    assert (drawn[:, [3, 19]] == 0).all()
    np.testing.assert_allclose(drawn.mean(axis=0), expected, atol=4 * 0.5 / np.sqrt(4000))


def test_systematic_resampling_at_the_ends_of_the_generator() -> None:
    class Fixed:
        def __init__(self, value: float) -> None:
            self.random = lambda: value

    log_weights = np.array([0.0, 0.0, -INF])
    for value in (0.0, np.nextafter(1.0, 0.0)):
        index = systematic(Fixed(value), log_weights, 1000)  # type: ignore[arg-type]
        assert np.bincount(index, minlength=3)[2] == 0
    with pytest.raises(ValueError, match="positive weight"):
        systematic(np.random.default_rng(0), np.full(3, -INF))


# --- states


class Mixed(NamedTuple):
    number: NDArray[np.int64]
    tokens: NDArray[np.int16]
    text: NDArray[Any]
    loose: NDArray[Any]


def mixed() -> Mixed:
    return Mixed(
        np.arange(3),
        np.arange(12, dtype=np.int16).reshape(3, 4),
        np.array(["a", "bb", "é*"]),
        np.array(["", "x" * 40, "*C*"], object),
    )


def test_states_are_taken_chosen_compared_and_joined() -> None:
    states = mixed()
    other = take(states, np.array([2, 1, 0]))
    assert size(states) == 3
    assert differs(states, other).tolist() == [True, False, True]
    chosen = choose(np.array([True, True, False]), states, other)
    assert chosen.loose.tolist() == ["", "x" * 40, ""]
    assert chosen.tokens.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3]]
    assert chosen.tokens.dtype == np.int16
    assert concatenate([states, other]).text.tolist() == ["a", "bb", "é*", "é*", "bb", "a"]
    with pytest.raises(ValueError, match="one length"):
        size((np.zeros(2), np.zeros(3)))


def test_states_come_back_from_a_file_as_they_were() -> None:
    stream = io.BytesIO()
    np.savez(stream, **pack(mixed()), allow_pickle=False)
    stream.seek(0)
    with np.load(stream) as arrays:
        back = unpack(mixed(), arrays)
    for field, original in zip(back, mixed(), strict=True):
        assert field.dtype == original.dtype
        assert field.tolist() == original.tolist()
    with pytest.raises(ValueError, match="numbers or text"):
        pack(mixed()._replace(loose=np.array([None, 1, "a"], object)))


# --- the record of evaluations


def test_each_repeat_unit_is_evaluated_once_and_violators_never() -> None:
    asked: list[list[str]] = []

    def likelihood(smiles: list[str]) -> NDArray[np.float64]:
        asked.append(smiles)
        return -np.array([len(text) for text in smiles], float)

    ledger = Ledger(likelihood, lambda smiles: np.array([-INF if "x" in text else -0.5 for text in smiles]))
    texts = ["aa", "", "x", "aa", "b"]
    np.testing.assert_array_equal(ledger.constraints(texts, 0), [-0.5, -INF, -INF, -0.5, -0.5])
    np.testing.assert_array_equal(ledger.likelihoods(texts, 1), [-2.0, -INF, -INF, -2.0, -1.0])
    assert asked == [["aa", "b"]]
    ledger.constraints(["aa", "ccc"], 2)
    ledger.likelihoods(["ccc", "aa"], 2)
    assert asked == [["aa", "b"], ["ccc"]]
    record = ledger.since(0)
    assert record.smiles == ("x", "aa", "b", "ccc")
    assert record.temperature.tolist() == [0, 1, 1, 2]
    assert ledger.evaluations == 3
    again = Ledger(likelihood)
    again.restore(unpack_evaluated(pack_evaluated(record)))
    again.likelihoods(["ccc", "x"], 3)
    assert len(asked) == 2
    assert again.evaluations == 3
    nothing = Evaluated((), np.empty(0), np.empty(0), np.empty(0, np.int64))
    assert unpack_evaluated(pack_evaluated(nothing)).smiles == ()


@pytest.mark.parametrize("values", [[np.nan, 0.0], [INF, 0.0], [0.0], [[0.0, 0.0]]])
def test_broken_likelihoods_are_refused(values: Any) -> None:
    ledger = Ledger(lambda smiles: np.array(values))
    ledger.constraints(["a", "b"], 0)
    with pytest.raises(ValueError, match="expected a log likelihood"):
        ledger.likelihoods(["a", "b"], 0)
    with pytest.raises(ValueError, match=r"of zero or less of a, got 0\.1"):
        Ledger(lambda smiles: np.zeros(1), lambda smiles: np.array([0.1])).constraints(["a"], 0)


# --- runs


def same(a: SmcResult[Any], b: SmcResult[Any]) -> bool:
    """Bitwise equality of two results."""
    arrays = [
        (x, y)
        for left, right in ((a, b), (a.states, b.states), (a.evaluated, b.evaluated))
        for x, y in zip(left, right, strict=True)
        if isinstance(x, np.ndarray)
    ]
    plain = all(
        getattr(a, name) == getattr(b, name) for name in ("smiles", "log_z", "log_z_error", "trace", "warnings")
    )
    record = a.evaluated.smiles == b.evaluated.smiles and a.log_z_constraint == b.log_z_constraint
    return plain and record and all(x.dtype == y.dtype and x.tobytes() == y.tobytes() for x, y in arrays)


def through_a_file(checkpoint: Checkpoint) -> Checkpoint:
    stream = io.BytesIO()
    np.savez(stream, **checkpoint.arrays, allow_pickle=False)
    stream.seek(0)
    with np.load(stream) as arrays:
        return Checkpoint(dict(arrays), json.loads(json.dumps(checkpoint.state, allow_nan=False)))


def constraint(smiles: list[str]) -> NDArray[np.float64]:
    """Hard on one pair in seven, soft on the others."""
    numbers = np.array([[int(number) for number in text.split("|")] for text in smiles])
    return np.where(numbers.sum(axis=1) % 7 == 0, -INF, -0.02 * numbers[:, 1])


def test_a_run_goes_on_from_every_checkpoint_bit_for_bit(toy: "Toy", drifting: "Pairs") -> None:
    parts: list[Checkpoint] = []
    settings = TemperingSettings(distinct=0.9)  # so that there are warnings to carry over
    evaluate = toy.evaluate()

    def once(resume: list[Checkpoint], keep: Callable[[Checkpoint], None]) -> SmcResult[Any]:
        return run(
            5, drifting, evaluate, 200, log_constraint=constraint, settings=settings, checkpoint=keep, resume=resume
        )

    whole = once([], parts.append)
    assert len(parts) == len(whole.trace) > 4
    assert whole.warnings
    for k in range(1, len(parts) + 1):
        rest: list[Checkpoint] = []
        assert same(once([through_a_file(part) for part in parts[:k]], rest.append), whole)
        assert [part.state for part in rest] == [part.state for part in parts[k:]]
    record = [text for part in parts for text in unpack_evaluated(part.arrays).smiles]
    assert tuple(record) == whole.evaluated.smiles
    assert len(set(record)) == len(record)
    with pytest.raises(UserError, match="another seed"):
        run(6, drifting, evaluate, 200, log_constraint=constraint, settings=settings, resume=parts)
    with pytest.raises(UserError, match="another settings"):
        run(5, drifting, evaluate, 200, log_constraint=constraint, resume=parts)
    with pytest.raises(UserError, match="checkpoint of temperature 1"):
        once([parts[0], parts[2]], rest.append)


def test_one_seed_decides_everything_and_the_trace_adds_up(toy: "Toy", pairs: "Pairs") -> None:
    asked: list[str] = []
    table = toy.evaluate()

    def evaluate(smiles: list[str]) -> NDArray[np.float64]:
        asked.extend(smiles)
        return table(smiles)

    result = run(3, pairs, evaluate, 300, log_constraint=constraint)
    assert same(result, run(3, pairs, table, 300, log_constraint=constraint))
    assert not same(result, run(4, pairs, table, 300, log_constraint=constraint))
    assert len(set(asked)) == len(asked) == sum(step.evaluated for step in result.trace)
    allowed = result.evaluated.log_constraint > -INF
    assert allowed.sum() == len(asked)
    assert (result.evaluated.log_likelihood[~allowed] == -INF).all()
    assert (constraint(list(result.smiles)) == result.log_constraint).all()
    assert (table(list(result.smiles)) == result.log_likelihood).all()
    assert [step.temperature for step in result.trace] == list(range(len(result.trace)))
    assert result.trace[-1].inverse_temperature == 1.0
    assert (np.diff([step.inverse_temperature for step in result.trace]) > 0).all()
    assert result.log_z == pytest.approx(sum(step.log_z_increment for step in result.trace))
    assert all(step.effective_size >= 0.9 * 300 * (1 - 1e-9) for step in result.trace)
    for step in result.trace[1:]:
        assert step.proposed == 300 * step.moves
        assert 3 <= step.moves <= 50
        assert step.moved >= 0.9 or step.moves == 50
        assert 0 < step.invalid < step.proposed
        assert step.impossible == 0
    assert result.trace[-1].moves >= 10
    assert result.trace[-1].distinct == len(set(result.smiles))


def test_a_search_finds_likelier_units_and_leaves_the_posterior_as_it_was(toy: "Toy", drifting: "Pairs") -> None:
    parts: list[Checkpoint] = []
    settings, evaluate = TemperingSettings(search=30.0), toy.evaluate()
    plain = run(5, drifting, evaluate, 20, log_constraint=constraint)
    more = run(5, drifting, evaluate, 20, log_constraint=constraint, settings=settings, checkpoint=parts.append)
    known = len(plain.evaluated.smiles)
    assert len(more.evaluated.smiles) > known
    assert same(more._replace(evaluated=plain.evaluated), plain)
    assert more.evaluated.smiles[:known] == plain.evaluated.smiles
    assert (more.evaluated.temperature[known:] >= len(plain.trace)).all()
    assert (np.diff(more.evaluated.temperature) >= 0).all()
    # Twenty of the best it added are likelier than twenty of the best the posterior came by.
    worth = more.evaluated.log_constraint + more.evaluated.log_likelihood
    assert np.sort(worth)[-20:].mean() > np.sort(worth[:known])[-20:].mean() + 1e-3
    # The search is not kept: a run that was killed in it does it again.
    assert len(parts) == len(plain.trace)
    again = run(5, drifting, evaluate, 20, log_constraint=constraint, settings=settings, resume=parts)
    assert same(again, more)


def test_a_likelihood_that_says_nothing_leaves_the_prior_alone(pairs: "Pairs") -> None:
    result = run(0, pairs, lambda smiles: np.full(len(smiles), -2.5), 500)
    assert [step.inverse_temperature for step in result.trace] == [0.0, 1.0]
    assert result.trace[1].effective_size == pytest.approx(500)
    assert result.log_z == pytest.approx(-2.5, abs=1e-12)
    assert result.log_z_error == pytest.approx(0, abs=1e-9)


def test_one_particle_is_a_chain(toy: "Toy", pairs: "Pairs") -> None:
    result = run(0, pairs, toy.evaluate(), 1)
    assert len(result.smiles) == 1
    assert result.trace[-1].inverse_temperature == 1.0
    assert result.trace[0].effective_size == result.trace[1].effective_size == 1


def test_goals_and_constraints_out_of_reach_are_errors(toy: "Toy", pairs: "Pairs") -> None:
    with pytest.raises(UserError, match="probability is zero for all 50 repeat units"):
        run(0, pairs, lambda smiles: np.full(len(smiles), -INF), 50)
    with pytest.raises(UserError, match="0 of 1550 drawn repeat units meet them"):
        run(0, pairs, toy.evaluate(), 50, log_constraint=lambda smiles: np.full(len(smiles), -INF))
    with pytest.raises(UserError, match="next to nothing of the prior"):
        run(0, pairs, toy.evaluate(), 50, log_constraint=lambda smiles: np.full(len(smiles), -10.0))
    table = toy.evaluate()
    with pytest.raises(UserError, match="out of reach: after 5 temperatures the inverse temperature is"):
        run(0, pairs, lambda smiles: 1e4 * table(smiles), 50, settings=TemperingSettings(temperatures=5))


def test_impossible_particles_are_lost_at_the_first_step(toy: "Toy", pairs: "Pairs") -> None:
    """Three quarters of the prior cannot meet the goal: the others carry on, and log Z counts the loss."""
    likelihood = np.where(np.arange(len(toy.cells)) % 4 == 0, 0.0, -INF)
    table = dict(zip(toy.cells, likelihood.tolist(), strict=True))
    result = run(0, pairs, lambda smiles: np.array([table[text] for text in smiles]), 1000)
    assert (result.log_likelihood == 0).all()
    exact = np.log(toy.prior[likelihood == 0].sum())
    assert result.log_z == pytest.approx(exact, abs=4 * np.sqrt((1 / np.exp(exact) - 1) / 1000))


class Stuck:
    """A proposal wrapped so that its moves never get anywhere."""

    def __init__(self, inner: "Pairs", text: str, ratio: float) -> None:
        self.inner, self.text, self.ratio = inner, text, ratio
        self.draw, self.log_prior = inner.draw, inner.log_prior

    def move(self, rng: np.random.Generator, states: Any) -> tuple[Any, NDArray[np.float64]]:
        proposed, ratio = self.inner.move(rng, states)
        return take(proposed, np.zeros(len(ratio), int)), ratio + self.ratio

    def smiles(self, states: Any) -> list[str]:
        return self.inner.smiles(states)

    def provenance(self, states: Any) -> list[Provenance]:
        return self.inner.provenance(states)


def test_collapse_is_reported_once_of_each_kind(toy: "Toy", pairs: "Pairs") -> None:
    said: list[str] = []
    settings = TemperingSettings(most_moves=5, last_moves=5, distinct=0.5)
    result = run(0, Stuck(pairs, "", -INF), toy.evaluate(), 200, settings=settings, warn=said.append)
    assert tuple(said) == result.warnings
    kinds = [text.partition(":")[0] for text in said]
    assert sorted(kinds) == [
        "few distinct repeat units", "few moves are accepted", "particles stay where they were resampled",
    ]  # fmt: skip
    assert all(step.impossible == step.proposed and step.acceptance == 0 for step in result.trace[1:])
    assert all(step.invalid == 0 for step in result.trace)


def test_proposals_that_break_their_contract_are_refused(toy: "Toy", pairs: "Pairs") -> None:
    for ratio in (np.nan, INF):
        with pytest.raises(ValueError, match="finite or -inf"):
            run(0, Stuck(pairs, "", ratio), toy.evaluate(), 20)


@pytest.mark.parametrize(
    ("particles", "seed", "settings"),
    [
        (0, 0, TemperingSettings()),
        (10, -1, TemperingSettings()),
        (10, 0, TemperingSettings(least_moves=0)),
        (10, 0, TemperingSettings(least_moves=9, most_moves=8)),
        (10, 0, TemperingSettings(effective=1.0)),
        (10, 0, TemperingSettings(schedule=(0.5, 0.9))),
        (10, 0, TemperingSettings(schedule=(0.5, 0.5, 1.0))),
        (10, 0, TemperingSettings(search=0.5)),
    ],
)
def test_settings_that_cannot_work_are_refused(
    particles: int, seed: int, settings: TemperingSettings, toy: "Toy", pairs: "Pairs"
) -> None:
    with pytest.raises(UserError, match="expected"):
        run(seed, pairs, toy.evaluate(), particles, settings=settings)
