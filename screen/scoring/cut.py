"""Sizes of pieces that scoring is cut into, by kind of device.

Results of one kind of device do not depend on partitions, fill or order, because batches always have the same number of
rows; this number is recorded with them. On a GPU a batch of a CPU would end before the next could be sent.
"""

from __future__ import annotations

from typing import NamedTuple

from kakehashi.screen.descriptors.composition import BATCH
from kakehashi.screen.device import platform


class Cut(NamedTuple):
    """Rows of a batch, and indices of a virtual catalogue filtered by one call.

    rows : of compositions; described : of materials that come described, whose descriptors are wide
    """

    rows: int
    described: int
    tile: int


CPU = Cut(BATCH, BATCH, 1 << 19)
GPU = Cut(1 << 16, 1 << 13, 1 << 23)


def cut() -> Cut:
    """Sizes on the current device.

    >>> cut().rows
    1024
    """
    return CPU if platform() == "cpu" else GPU
