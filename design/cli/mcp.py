"""The `kakehashi mcp` command."""

from __future__ import annotations

from importlib.util import find_spec

from kakehashi.catalogs.cli.flatten import flatten_flags
from kakehashi.catalogs.records import UserError


@flatten_flags
def mcp() -> int:
    """Serve check, screen, design, predict and status to an assistant that speaks the Model Context Protocol.

    Over standard input and output alone: no port is opened. The tools run this program's own commands, with the rights
    of who started it, in the folder it was started in; they can do no more than the command line. A run that takes
    longer than the assistant waits goes on, and its status can be asked for; it is ended with the server, resumably.

    Example: kakehashi mcp
    """
    if find_spec("mcp") is None:
        raise UserError("the package mcp is not installed: pip install 'kakehashi[mcp]'")
    from kakehashi.design.cli.mcp_tools import serve

    serve()
    return 0
