"""Ledger of the constraint and likelihood of every distinct repeat unit, evaluated once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
# Log constraint or log likelihood (n,) of n distinct, non-empty repeat units; -inf for an impossible one.
Evaluate = Callable[[list[str]], FloatArray]


class Evaluated(NamedTuple):
    """Evaluated repeat units, in the order they were first seen.

    log_constraint, log_likelihood : (n,); the likelihood of a unit that violates a constraint is not evaluated, and is
        -inf here
    temperature : (n,) index of the temperature at which it was first evaluated
    """

    smiles: tuple[str, ...]
    log_constraint: FloatArray
    log_likelihood: FloatArray
    temperature: NDArray[np.int64]


class Ledger:
    """Evaluate constraints, then likelihoods of the repeat units that meet them.

    evaluations : number of likelihoods evaluated

    Examples
    --------
    >>> ledger = Ledger(lambda units: np.array([float(len(unit)) for unit in units]))
    >>> ledger.constraints(["*CC*", "*CC*"], 0), ledger.likelihoods(["*CC*", "*CC*"], 0), ledger.evaluations
    (array([0., 0.]), array([4., 4.]), 1)
    """

    def __init__(self, log_likelihood: Evaluate, log_constraint: Evaluate | None = None) -> None:
        self._log_likelihood, self._log_constraint = log_likelihood, log_constraint
        # A constraint may be known before the likelihood; a unit is recorded once both are.
        self._constraint: dict[str, float] = {"": -np.inf}
        self._likelihood: dict[str, float] = {"": -np.inf}
        self._recorded: list[str] = []
        self._temperatures: list[int] = []
        self.evaluations = 0

    def __len__(self) -> int:
        return len(self._recorded)

    def constraints(self, smiles: Sequence[str], temperature: int) -> FloatArray:
        """Log constraint (n,) of repeat units; -inf for "", an invalid one."""
        new = [text for text in dict.fromkeys(smiles) if text not in self._constraint]
        if new:
            ask = self._log_constraint
            values = np.zeros(len(new)) if ask is None else checked(ask(new), new, "log constraint", 0.0)
            self._constraint.update(zip(new, values.tolist(), strict=True))
            violators = [text for text, value in zip(new, values, strict=True) if value == -np.inf]
            self._record(violators, np.full(len(violators), -np.inf), temperature)
        return np.array([self._constraint[text] for text in smiles], np.float64)

    def likelihoods(self, smiles: Sequence[str], temperature: int) -> FloatArray:
        """Log likelihood (n,) of repeat units; -inf for violators.

        Their constraints must have been evaluated before.
        """
        new = [text for text in dict.fromkeys(smiles) if text not in self._likelihood]
        if new:
            self._record(new, checked(self._log_likelihood(new), new, "log likelihood"), temperature)
            self.evaluations += len(new)
        return np.array([self._likelihood[text] for text in smiles], np.float64)

    def since(self, start: int) -> Evaluated:
        """Evaluations after the first `start` repeat units."""
        texts = self._recorded[start:]
        return Evaluated(
            tuple(texts),
            np.array([self._constraint[text] for text in texts], np.float64),
            np.array([self._likelihood[text] for text in texts], np.float64),
            np.array(self._temperatures[start:], np.int64),
        )

    def restore(self, part: Evaluated) -> None:
        """Record the evaluations of an earlier run."""
        self._constraint.update(zip(part.smiles, part.log_constraint.tolist(), strict=True))
        self._record(list(part.smiles), part.log_likelihood, part.temperature)
        self.evaluations += int((part.log_constraint > -np.inf).sum())

    def _record(self, smiles: list[str], likelihoods: FloatArray, temperature: int | NDArray[np.int64]) -> None:
        self._likelihood.update(zip(smiles, likelihoods.tolist(), strict=True))
        self._recorded.extend(smiles)
        self._temperatures.extend(np.broadcast_to(temperature, len(smiles)).tolist())


def checked(values: FloatArray, smiles: list[str], what: str, largest: float = np.inf) -> FloatArray:
    """Check what an evaluation gave (n,), and return it; ValueError."""
    values = np.asarray(values, np.float64)
    if values.shape != (len(smiles),):
        raise ValueError(f"expected a {what} for each of {len(smiles)} repeat units, got shape {values.shape}")
    bad = np.flatnonzero(np.isnan(values) | (values > largest) | (values == np.inf))
    if bad.size:
        i = int(bad[0])
        bound = " of zero or less" if largest == 0.0 else ", finite or -inf,"
        raise ValueError(f"expected a {what}{bound} of {smiles[i]}, got {values[i]}")
    return values
