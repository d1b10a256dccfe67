"""Rules for schedulers a run may connect to, and the certificates it needs.

This machine's schedulers need none. A Dask scheduler runs whatever code it is sent, so one on another machine must
show a certificate (`tls://HOST:PORT`, with the files that dask's own settings name) or be allowed by
`--insecure-cluster`. `slurm` names the batch system.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kakehashi.catalogs.records import UserError
from kakehashi.screen.scoring.workers.leftovers import JOBS, PREFIX
from kakehashi.screen.scoring.workers.slurm import check_slurm, job_name

if TYPE_CHECKING:
    from collections.abc import Iterator

SLURM = "slurm"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_TLS = "distributed.comm.tls"


def check_scheduler(address: str, *, insecure: bool) -> None:
    """Refuse a malformed address, or another machine without TLS.

    >>> check_scheduler("tls://cluster:8786", insecure=False)
    >>> check_scheduler("slurm", insecure=False)
    """
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


def check_usable(address: str) -> None:
    """Refuse a scheduler this process could not connect to.

    Raises
    ------
    UserError : no certificates for tls://; what `slurm` needs is not installed or not set
    """
    if address == SLURM:
        check_slurm()
    else:
        security(address)


def security(address: str) -> Any:
    """Security settings for an address: certificates for tls://, None otherwise.

    Raises
    ------
    UserError : dask's settings name no certificates, or files that cannot be read
    """
    if not address.startswith("tls://"):
        return None
    from dask.distributed import Security

    settings: Any = Security(require_encryption=True)
    missing = [
        name
        for name, value in (
            ("ca-file", settings.tls_ca_file),
            ("client.cert", settings.tls_client_cert),
            ("client.key", settings.tls_client_key),
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
        settings.get_connection_args("client")
    except OSError as error:
        raise UserError(f"--scheduler {address}: certificates cannot be read: {error}") from None
    return settings


@contextmanager
def credentials(shared: str) -> Iterator[tuple[Any, str]]:
    """Certificates for one run on SLURM, and its jobs' name.

    The files can be read by this user alone. Their folder is removed when the block ends; of a run that is killed it
    stays, with the name of the jobs in it.

    shared : a folder that the nodes see too
    """
    from dask.distributed import Security

    temporary: Any = Security.temporary()
    with TemporaryDirectory(prefix=PREFIX, dir=Path(shared).resolve()) as folder:
        name = job_name(Path(folder).name.removeprefix(PREFIX))
        files = {
            JOBS: name,
            "ca_file": temporary.tls_ca_file,
            "cert": temporary.tls_client_cert,
            "key": temporary.tls_client_key,
        }
        for file, text in files.items():
            (Path(folder) / file).write_text(text)
        of_roles = {
            f"tls_{role}_{part}": f"{folder}/{part}"
            for role in ("scheduler", "worker", "client")
            for part in ("cert", "key")
        }
        yield Security(require_encryption=True, tls_ca_file=f"{folder}/ca_file", **of_roles), name
