"""The `kakehashi evaluate` command."""

from __future__ import annotations

from typing import Annotated

from kakehashi.catalogs.cli.flatten import FlagValues, flatten_flags
from kakehashi.screen.evaluation.config import EvaluateConfig
from kakehashi.screen.runs.flags import RunFlags


@flatten_flags
def evaluate(*, flags: Annotated[FlagValues, EvaluateConfig], call: RunFlags) -> int:
    """Measure whether transfer helps for a property you have few values of, and what to use.

    Compares sources, networks, network layers and heads (the models on top) with models without transfer, by nested
    cross-validation on the same held-out materials. The leaderboard in --out has errors, coverage of 90 % intervals,
    the optimism of model selection, errors on permuted values, and a paired test against the best model without
    transfer. Ends with a recommendation and the command that uses it.

    Example: kakehashi evaluate --target my.csv:kappa --log --source volume_per_atom --out runs/does-it-help

    Example: kakehashi evaluate --target my.csv:kappa --holdout family --learning-curve --out runs/families
    """
    from kakehashi.screen.cli.evaluate_text import kind
    from kakehashi.screen.cli.flags import run_call
    from kakehashi.screen.evaluation.config import resolve

    return run_call(kind(), resolve(flags, call.config), call)
