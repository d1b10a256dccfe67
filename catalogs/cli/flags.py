"""Flags that commands of all packages share: what is printed, and what is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from kakehashi.catalogs.flag import USUAL, Flag


@dataclass(frozen=True, kw_only=True)
class JsonFlags:
    """Flags of a command that only prints."""

    json: Annotated[bool, Flag("Print one JSON document on stdout instead of text.")] = False


@dataclass(frozen=True, kw_only=True)
class QuietFlags(JsonFlags):
    """Flags of a command that works and prints."""

    quiet: Annotated[bool, Flag("Print nothing but errors.")] = False


@dataclass(frozen=True, kw_only=True)
class DryRunFlags(QuietFlags):
    """Flags of a command that writes."""

    dry_run: Annotated[bool, Flag("Check everything and print what would be done; write nothing.", USUAL)] = False


@dataclass(frozen=True, kw_only=True)
class ProgressFlags(DryRunFlags):
    """Flags of a command that takes a while."""

    events: Annotated[bool, Flag("Report progress as JSON lines on stderr.")] = False


@dataclass(frozen=True, kw_only=True)
class OverwriteFlags:
    """Flags of a command that fills a file or folder."""

    overwrite: Annotated[bool, Flag("Replace the run or file that is already there.")] = False


@dataclass(frozen=True, kw_only=True)
class FileFlags:
    """The file a command writes."""

    out: Annotated[str, Flag("File to write.", USUAL)]
