"""Devices by name; imports nothing heavy."""

from __future__ import annotations

from typing import Literal

Device = Literal["auto", "cpu", "gpu"]
