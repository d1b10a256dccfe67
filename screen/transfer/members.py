"""Members of the stack on the columns of foundation networks."""

from __future__ import annotations

from typing import Literal, NamedTuple

Block = Literal["descriptors", "shares", "layer", "predictions", "inputs"]


class Member(NamedTuple):
    """A head on some blocks of columns."""

    head: str
    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """Head and blocks in words.

        >>> Member("gp", ("layer", "predictions")).text
        'gp on layer + predictions'
        """
        return f"{self.head} on {' + '.join(self.blocks)}"


# In the order of their columns in a stack. What did not earn its place in `benchmarks/small_data.py` is not here.
MEMBERS = (
    Member("gp", ("descriptors", "layer", "predictions")),
    Member("gp", ("layer", "predictions")),
    Member("extra-trees", ("descriptors", "shares", "predictions")),
    Member("extra-trees", ("shares", "predictions")),
)
# The head that goes on training a network itself, on the network's own inputs.
TUNED = Member("tuned", ("inputs",))
# What joins them above so many compounds: fine-tuning is worth its time then (`benchmarks/small_data.py`).
TUNED_ROWS = 500
LARGE = (Member("ridge", ("descriptors", "layer", "predictions")), TUNED)
