"""Devices and precisions by name; imports nothing heavy."""

from __future__ import annotations

from typing import Literal

Device = Literal["auto", "cpu", "gpu"]
# Of the products of networks in scoring (`screen.networks.precision`).
Precision = Literal["exact", "balanced", "fast"]
EXACT: Precision = "exact"
