"""Self-checks of jax and Dask, a script that may crash.

Some jax releases miscompile a vmapped matrix-vector product followed by a reduction on CPUs: the last row is
wrong when compiled and right when not (jax#39103). Run as `python selfcheck.py jax` or `python selfcheck.py
cluster`; prints one JSON object. Imports nothing of its own packages.
"""

from __future__ import annotations

import json
import sys
from typing import Any

ROWS = tuple(2**power + 1 for power in range(12, 18))
"""Numbers of rows, one more than the compiler's blocks hold: 32,769 float32 rows showed the fault."""


def jax_problem() -> str:
    """Describe the first fault of jax's arithmetic on its devices, "" if there is none."""
    import jax

    devices = [jax.devices()[0], *jax.local_devices(backend="cpu")[:1]]
    for device in {str(device): device for device in devices}.values():
        with jax.default_device(device):
            for rows in ROWS:
                if problem := _disagreement(rows):
                    return f"{problem} on {device}"
    return ""


def _disagreement(rows: int) -> str:
    """Compare eager, compiled and numpy values of |I x|^2.

    One term is not 0, so that all three round once and agree bit by bit.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    first = np.arange(rows, dtype=np.float32)
    expected = first * first
    x = jnp.asarray(np.stack([first, np.zeros_like(first), np.zeros_like(first)], axis=1))
    identity = jnp.eye(3, dtype=jnp.float32)

    def squared_norms(x: jax.Array) -> jax.Array:
        return jax.vmap(lambda row: jnp.sum(jnp.matmul(identity, row, precision="highest") ** 2))(x)

    return compare(expected, np.asarray(squared_norms(x)), np.asarray(jax.jit(squared_norms)(x)))


def compare(expected: Any, eager: Any, compiled: Any) -> str:
    """Name the first row where the three (n,) arrays differ, "" if none does."""
    import numpy as np

    wrong = np.flatnonzero((eager != expected) | (compiled != expected) | (eager != compiled))
    if not len(wrong):
        return ""
    row = int(wrong[0])
    return (
        f"row {row} of {len(expected)} is {float(eager[row]):.0f} eager, "
        f"{float(compiled[row]):.0f} compiled, and should be {float(expected[row]):.0f}"
    )


def check_jax() -> dict[str, Any]:
    """Return jax's version, devices and `problem`."""
    import jax

    return {
        "version": jax.__version__,
        "devices": [str(device) for device in jax.devices()],
        "platform": jax.devices()[0].platform,
        "problem": jax_problem(),
    }


def check_cluster() -> dict[str, Any]:
    """Start a worker process on the loopback, add two numbers there, and close."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        Client(cluster, timeout="30s") as client,
    ):
        total = client.submit(sum, (1, 2)).result(timeout=30)
        return {"address": cluster.scheduler_address, "problem": "" if total == 3 else f"1 + 2 gave {total}"}


if __name__ == "__main__":
    print(json.dumps({"jax": check_jax, "cluster": check_cluster}[sys.argv[1]]()))
