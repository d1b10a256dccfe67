"""Gradient boosting (Friedman, 2001) in many small steps.

Every tree sees random rows and columns.
"""

from __future__ import annotations

from kakehashi.screen.heads import forest, trees
from kakehashi.screen.heads.drawn import drawn

boosting = drawn(
    "boosting",
    [{"rate": 0.05, "depth": depth, "rounds": 300, "columns": "sqrt", "subsample": 0.7} for depth in (3, 5)],
    trees.grow_boosting,
    trees.predict,
    forest.ceiling,
)
