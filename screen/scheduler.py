"""Which schedulers a run may talk to: this machine's, others by TLS, and a batch system's.

A Dask scheduler runs whatever code it is sent, so one on another machine must show a certificate
(`tls://HOST:PORT`, with the files that dask's own settings name) or be asked for by `--insecure-cluster`.
"""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from catalogs.records import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

SLURM = "slurm"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_TLS = "distributed.comm.tls"


def check_scheduler(address: str, *, insecure: bool) -> None:
    """Refuse an address that is none, or a machine elsewhere without TLS."""
    if address == SLURM:
        return
    scheme, mark, rest = address.rpartition("://")
    if not mark:
        scheme, rest = "tcp", address
    host, _, port = rest.rpartition(":")
    if scheme not in ("tcp", "tls") or not host or not port.isdecimal():
        raise UserError(f"--scheduler: expected tls://HOST:PORT, tcp://127.0.0.1:PORT or slurm, got {address!r}")
    if scheme == "tcp" and host not in LOOPBACK and not insecure:
        raise UserError(
            f"--scheduler {address}: expected tls:// for another machine, because a scheduler runs any code it is sent"
            " and what it is sent can be read on the way; --insecure-cluster allows it"
        )


def security(address: str) -> Any:
    """What a connection to this address needs: certificates for tls://, nothing otherwise.

    Raises
    ------
    UserError : dask's settings name no certificates, or files that cannot be read
    """
    from dask.distributed import Security

    if not address.startswith("tls://"):
        return None
    found: Any = Security(require_encryption=True)
    missing = [
        name
        for name, value in (
            ("ca-file", found.tls_ca_file),
            ("client.cert", found.tls_client_cert),
            ("client.key", found.tls_client_key),
        )
        if not value
    ]
    if missing:
        variable = f"DASK_{_TLS}.{missing[0]}".upper().replace(".", "__").replace("-", "_")
        raise UserError(
            f"--scheduler {address}: expected certificates in dask's settings, {_TLS}.{missing[0]} is not set: name the"
            f" file in ~/.config/dask/distributed.yaml or {variable}"
        )
    try:
        found.get_connection_args("client")
    except OSError as error:
        raise UserError(f"--scheduler {address}: certificates cannot be read: {error}") from None
    return found


@contextmanager
def slurm_cluster(workers: int, shared: str) -> Iterator[Any]:
    """Workers started as SLURM jobs by dask-jobqueue, one worker a job, by TLS with certificates made for this run.

    What a job asks for (queue, account, memory, walltime, one GPU ...) is in dask's settings, `jobqueue.slurm`.

    shared : a folder that the nodes see too, for the certificates

    Raises
    ------
    UserError : dask-jobqueue or what makes certificates is not installed, or a setting is missing (code 2); sbatch
        failed (code 5)
    """
    try:
        from dask import config

        jobs: Any = import_module("dask_jobqueue").SLURMCluster
        with _credentials(shared) as credentials:
            # Asked first: a cluster that cannot be made leaves one behind that cannot be closed.
            for name in ("cores", "memory"):
                if config.get(f"jobqueue.slurm.{name}", None) is None:
                    raise UserError(
                        f"--scheduler slurm: jobqueue.slurm.{name} is not set: say in ~/.config/dask/jobqueue.yaml"
                        " what a job asks for"
                    )
            cluster = jobs(
                n_workers=0, processes=1, protocol="tls://", security=credentials,
                scheduler_options={
                    "dashboard_address": "127.0.0.1:0", **config.get("jobqueue.slurm.scheduler-options", {}),
                },
            )  # fmt: skip
            with cluster:
                try:
                    cluster.scale(jobs=workers)
                except (OSError, RuntimeError) as error:
                    raise UserError(f"--scheduler slurm: no job was accepted: {error}", 5) from None
                yield cluster
    except ImportError as error:
        raise UserError(f"--scheduler slurm: {error}; install it with: pip install 'kakehashi[cluster]'") from None


@contextmanager
def _credentials(shared: str) -> Iterator[Any]:
    """Certificates for one run, in files that this user alone can read; removed when the block ends."""
    from dask.distributed import Security

    made: Any = Security.temporary()
    with TemporaryDirectory(prefix=".kakehashi-tls-", dir=shared) as folder:
        named = {}
        for name, text in (("ca_file", made.tls_ca_file), ("cert", made.tls_client_cert), ("key", made.tls_client_key)):
            path = Path(folder) / name
            path.write_text(text)
            named[name] = str(path)
        of_roles = {
            f"tls_{role}_{part}": named[part] for role in ("scheduler", "worker", "client") for part in ("cert", "key")
        }
        yield Security(require_encryption=True, tls_ca_file=named["ca_file"], **of_roles)
