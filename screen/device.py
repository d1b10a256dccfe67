"""The device that computes: CPU or GPU.

`auto` leaves the choice to jax, which takes a GPU where it sees one.

Networks, models and scored partitions that are kept carry the device that computed them (`screen.transfer.cache`,
`screen.scoring.partitions`): what one device computed is never taken for what another would. So the choice is no
part of what decides a run, but another device computes again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, get_args

from kakehashi.catalogs.records import UserError
from kakehashi.screen.compilation import keep_programs
from kakehashi.screen.device_names import Device

if TYPE_CHECKING:
    import jax


def check_device(device: str) -> None:
    """Refuse an unknown device."""
    if device not in get_args(Device):
        raise UserError(f"--device: expected {', '.join(get_args(Device))}, got {device!r}")


def choose(device: str) -> None:
    """Compute on this device from now on, in all threads.

    `auto` leaves the device to jax and imports nothing. What is compiled is kept for later processes.

    Raises
    ------
    UserError : a GPU is asked for and jax sees none.
    """
    check_device(device)
    keep_programs()
    # Of a GPU's memory jax would take three quarters at once, and leave workers and other programs the rest.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if device == "auto":
        return
    import jax

    if device == "cpu":
        # Before the first computation: a GPU that is not asked for is left alone, its memory too.
        jax.config.update("jax_platforms", "cpu")  # type: ignore[no-untyped-call]
        chosen = jax.devices("cpu")[0]
    else:
        try:
            chosen = jax.devices("gpu")[0]
        except RuntimeError:
            devices = ", ".join(map(str, jax.devices()))
            raise UserError(
                f"--device gpu: expected a GPU, jax sees {devices} alone: install the CUDA packages with"
                " pip install 'kakehashi[cuda]', or leave --device out"
            ) from None
    jax.config.update("jax_default_device", chosen)  # type: ignore[no-untyped-call]


def take_device(name: object) -> None:
    """Give a worker a device of its own.

    name : number of the worker; other names change nothing
    """
    if not str(name).isdecimal():
        return
    import jax

    others = jax.local_devices(backend=current().platform)
    if len(others) > 1:
        jax.config.update("jax_default_device", others[int(str(name)) % len(others)])  # type: ignore[no-untyped-call]


def current() -> jax.Device:
    """The device that computes."""
    import jax

    chosen: Any = jax.config.jax_default_device  # type: ignore[attr-defined]
    return chosen if isinstance(chosen, jax.Device) else jax.devices()[0]


def platform() -> Device:
    """Name of the device for `choose`, `cpu` or `gpu`."""
    return "cpu" if current().platform == "cpu" else "gpu"
