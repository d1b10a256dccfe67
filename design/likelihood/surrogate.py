"""Transferred models as constraint and likelihood of repeat units.

A unit is parsed, described and scored once, for its constraint; its likelihood is cached until the sampler needs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kakehashi.design.likelihood.describer import Describer
from kakehashi.design.likelihood.goals import Goal, on_fitted_scale
from kakehashi.design.likelihood.likelihood import (
    Prediction,
    held_out_noise,
    held_out_tails,
    log_applicability,
    log_goal_probability,
)
from kakehashi.screen.scoring.batches import ComponentPredictions, predict_components
from kakehashi.screen.scoring.partitions import PartitionScorer, make_scorer
from kakehashi.screen.transfer.fit import Model

FloatArray = NDArray[np.float64]


class JudgedUnits(NamedTuple):
    """Constraint and goal probability of n repeat units.

    reasons : (n,) why a unit is excluded, "" where it is not
    log_constraint, log_goal : (n,), -inf where a unit is excluded
    """

    reasons: NDArray[np.object_]
    log_constraint: FloatArray
    log_goal: FloatArray


class Surrogate:
    """Models by property name, on one set of descriptors, and the goals."""

    def __init__(self, models: Mapping[str, Model], goals: Sequence[Goal], describer: Describer) -> None:
        self.models = dict(models)
        self._describer = describer
        self._scorers: dict[str, PartitionScorer] = {name: make_scorer(model) for name, model in self.models.items()}
        self._noise = {name: fit_noise(model) for name, model in self.models.items()}
        self._goals = [on_fitted_scale(goal, self.models[goal.property].target.log) for goal in goals]
        self._waiting: dict[str, float] = {}
        self.judged = 0

    def log_constraint(self, smiles: list[str]) -> FloatArray:
        """Log constraint (n,) of distinct repeat units; caches their likelihood."""
        judged = self.judge(smiles)
        allowed = np.flatnonzero(judged.log_constraint > -np.inf)
        self._waiting.update((smiles[i], float(judged.log_goal[i])) for i in allowed)
        return judged.log_constraint

    def log_likelihood(self, smiles: list[str]) -> FloatArray:
        """Log probability (n,) that repeat units meet the goals.

        Cached where `log_constraint` was asked before.
        """
        missing = [text for text in smiles if text not in self._waiting]
        if missing:
            self.log_constraint(missing)
        return np.array([self._waiting.pop(text) for text in smiles], np.float64)

    def guarded_likelihood(self, smiles: list[str]) -> FloatArray:
        """Log probability (n,) of the goals, -inf for excluded repeat units.

        No other constraint counts.
        """
        return self.judge(smiles).log_goal

    def judge(self, smiles: Sequence[str]) -> JudgedUnits:
        """Compute constraint and goal probability of repeat units."""
        self.judged += len(smiles)
        described = self._describer(smiles)
        log_constraint, log_goal = np.full((2, len(smiles)), -np.inf)
        allowed = np.flatnonzero(described.reasons == "")
        if len(allowed):
            members = self.predict(described.x[allowed])
            # The largest distance counts: a unit must be in the domain of every model.
            distance = np.max([part.distance for part in members.values()], axis=0)
            log_constraint[allowed] = log_applicability(distance) + described.log_weight[allowed]
            names = [goal.property for goal in self._goals]
            predictions = [predicted_values(self.models[name], self._noise[name], members[name]) for name in names]
            log_goal[allowed] = log_goal_probability(self._goals, predictions)
        return JudgedUnits(described.reasons, log_constraint, log_goal)

    def predict(self, x: NDArray[np.float32]) -> dict[str, ComponentPredictions]:
        """What every model's members say of described repeat units."""
        return {name: predict_components(scorer.device_model, x) for name, scorer in self._scorers.items()}

    def identities(self) -> dict[str, str]:
        """By property name, the sha256 of all that the predictions depend on."""
        return {name: scorer.sha256 for name, scorer in self._scorers.items()}


class ResidualNoise(NamedTuple):
    """Distribution of held-out residuals about the predictions.

    extra : standard deviation they ask for beyond the predicted spreads
    scale, degrees : Student's t of `degrees`, its scale that many times the spreads with `extra`
    """

    extra: float
    scale: float
    degrees: float


def fit_noise(model: Model) -> ResidualNoise:
    """Fit the distribution of a model's held-out residuals."""
    return fit_residuals(model.target.y - model.out_of_fold.mean, model.out_of_fold.spread)


def fit_residuals(residuals: FloatArray, spreads: FloatArray) -> ResidualNoise:
    """Fit the distribution of residuals (n,) about predictions with some spreads (n,)."""
    extra = held_out_noise(residuals, spreads)
    return ResidualNoise(extra, *held_out_tails(residuals, np.hypot(spreads, extra)))


def predicted_values(model: Model, noise: ResidualNoise, found: ComponentPredictions) -> Prediction:
    """Distribution of the values of repeat units, from what a model's members say and its held-out residuals."""
    # Of a unit nothing is known about, a value is as uncertain as one of the training values taken at random; a
    # linear model would be less certain the larger the unit, and its doubt alone would meet any goal.
    spreads = noise.scale * np.minimum(found.spreads, model.target.y.std())
    return Prediction(found.means, spreads, found.weights, noise.scale * noise.extra, noise.degrees)
