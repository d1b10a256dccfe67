"""Versions, device and processor, which decide the last bits of results."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kakehashi.screen.device import current

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "rdkit")


def made_here() -> dict[str, Any]:
    """Time, versions and kind of machine, for cards."""
    return {
        "versions": {"kakehashi": version("kakehashi"), **{name: version(name) for name in PACKAGES}},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_kind(),
    }


def machine_kind() -> dict[str, str]:
    """Versions and hardware that decide last bits of float32."""
    return {
        "system": platform.system(), "machine": platform.machine(), "processor": _processor(),
        "device": current().device_kind, "jaxlib": version("jaxlib"), "numpy": version("numpy"),
    }  # fmt: skip


def _processor() -> str:
    """Model name of the processor.

    Python's own is empty on most Linux machines.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
