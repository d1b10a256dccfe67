"""Pull a catalogue, from the first request to the report."""

from __future__ import annotations

import re
import shutil
import sys
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from kakehashi.catalogs.pull.collect import Patience, Service, alone, collect, given_up
from kakehashi.catalogs.pull.pages import Store
from kakehashi.catalogs.pull.publish import VANISHED, Difference, publish
from kakehashi.catalogs.pull.refresh import Dated, refreshed
from kakehashi.catalogs.pull.web import Fault
from kakehashi.catalogs.reading import pulled, readers
from kakehashi.catalogs.records import UserError
from kakehashi.catalogs.shown import as_json, say, shown

_EVERY = 1.0
# Columns that some command needs of every record.
_ESSENTIAL = ("formula", "n_sites", "lattice")


class Facts(NamedTuple):
    """Facts about a catalogue for its card."""

    name: str
    service: str
    licence: str
    citation: str = ""
    filter: str = ""


class Pullable(Service, Protocol):
    """A service whose pages have one schema.

    licence : as the service states it, else ""
    """

    schema: pa.Schema
    licence: str


class Terminal:
    """Progress on stderr, and one report on stdout."""

    def __init__(self, *, json: bool = False, quiet: bool = False, events: bool = False) -> None:
        self._json, self._quiet, self._events = json, quiet or json, events
        self._shown = 0.0

    def say(self, text: str) -> None:
        """Warn of something with which the pull can go on."""
        if self._events:
            self._event({"event": "warning", "text": text})
        elif not self._quiet:
            say(text, error=True)

    def advance(self, done: int, total: int | None) -> None:
        """Show the records so far, and their total."""
        if time.monotonic() - self._shown < _EVERY and (total is None or done < total):
            return
        self._shown = time.monotonic()
        if self._events:
            self._event({"event": "progress", "stage": "pull", "done": done, "total": total})
        elif not self._quiet:
            say(f"{done:,} records" if total is None else f"{done:,} of {total:,} records", error=True)

    def report(self, text: str, record: dict[str, Any]) -> None:
        """Print the report."""
        if self._json:
            print(as_json(record, 1))
        elif not self._quiet:
            say(text)

    def _event(self, record: dict[str, Any]) -> None:
        print(as_json(record), file=sys.stderr, flush=True)


def show_plan(service: Service, facts: Facts, terminal: Terminal) -> int:
    """Say what would be pulled; asks for nothing."""
    former = _held(facts.name)
    text = f"would pull {facts.service} from {service.query['service']} to {pulled.root(facts.name)}"
    text += f", in place of {former['rows']:,} records of {former['date']}" if former else ""
    terminal.report(text, {"name": facts.name, "query": dict(service.query), "held": former})
    return 0


def pull(
    service: Pullable,
    facts: Facts,
    terminal: Terminal,
    *,
    again: bool = False,
    pause: float = 0.0,
    patience: Patience | None = None,
) -> int:
    """Pull a catalogue unless the database has not changed.

    Raises
    ------
    UserError : code 5 where the service fails, 4 where another process pulls the same.
    """
    check_name(facts.name)
    patience = patience or Patience(pause=pause)
    with alone(pulled.root(facts.name)):
        try:
            version = patience.ask(service.version, terminal.say)
        except Fault as fault:
            raise given_up(facts.service, fault) from None
        former = _held(facts.name)
        if (
            former
            and version
            and not again
            and former["database_version"] == version
            and former["query"] == service.query
        ):
            terminal.report(
                f"{facts.name}: nothing to do, {former['rows']:,} records of {pulled.origin(former)} are the newest",
                {"name": facts.name, "asked": 0, **_short(former)},
            )
            return 0
        base = pulled.root(facts.name)
        store = Store(base / "pulling")
        newer = None
        if isinstance(service, Dated) and former and former["query"] == service.query and not again:
            newer = refreshed(service, facts.name, base / "newer", patience, terminal.say)
        body = {
            **facts._asdict(),
            "licence": shown(facts.licence or service.licence) or "not stated by the service",
            "database_version": version,
            "date": datetime.now(UTC).date().isoformat(),
            "query": dict(service.query),
            "counted": True,
            "remarks": {},
        }
        if newer is not None:
            rows, requests, pieces = newer.table.num_rows, newer.asked, iter([newer.table])
        else:
            collected = collect(service, version, store, patience, terminal.say, terminal.advance)
            rows, requests, pieces = collected.rows, collected.asked, (page.rows for page in store.pages())
            body |= {"database_version": collected.version, "date": store.started}
            body |= {"counted": collected.total is not None, "remarks": dict(collected.remarks)}
        if not rows:
            raise UserError(f"{facts.service}: no record meets --filter {facts.filter!r}; nothing was changed")
        difference = publish(facts.name, service.schema, pieces, rows, body)
        for folder in ("pulling", "newer"):
            shutil.rmtree(base / folder, ignore_errors=True)
        _report(facts.name, former, difference, requests, terminal)
    return 0


def check_name(name: str) -> None:
    """Refuse a name that no catalogue can have; UserError."""
    from kakehashi.catalogs.properties import embedded

    taken = {*embedded.known(), "none", "enumerate"}
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name) or name.endswith(readers.SUFFIXES) or name in taken:
        raise UserError(f"--name: expected a new name of small letters, digits, - and _, got {name!r}")


def _held(name: str) -> dict[str, Any] | None:
    """Return the card of a stored catalogue, else None."""
    try:
        if name not in pulled.names():
            return None
        pulled.folder(name)
        return pulled.card(name)
    except UserError:
        return None


def _short(card: dict[str, Any]) -> dict[str, Any]:
    names = ("rows", "database_version", "date", "licence", "empty", "nulls", "counted", "remarks", "since_former")
    return {key: card[key] for key in names if key in card}


def _report(
    name: str, former: dict[str, Any] | None, difference: Difference, requests: int, terminal: Terminal
) -> None:
    card = pulled.card(name)
    lines = [f"{name}: {card['rows']:,} records of {pulled.origin(card)} ({requests:,} pages asked for)"]
    gone = difference.vanished
    if former:
        lines.append(
            f"since {former['date']}: {difference.new:,} new, {difference.changed:,} changed,"
            f" {difference.unchanged:,} as before, {gone.num_rows:,} no longer there"
        )
    if gone.num_rows:
        some = ", ".join(gone["id"][:5].to_pylist()) + (", ..." if gone.num_rows > 5 else "")
        lines.append(f"no longer there: {some}; all in {pulled.root(name) / card['folder'] / VANISHED}")
    if not card["counted"]:
        lines.append(f"{card['service']} never said how many records there are: their number could not be checked")
    for remark, count in card["remarks"].items():
        lines.append(f"{count:,} of {card['rows']:,} records: {remark}")
    if not card["remarks"]:  # remarks on modified records say nothing of the others
        for column in (c for c in _ESSENTIAL if c in card["nulls"]):
            lines.append(f"{card['nulls'][column]:,} of {card['rows']:,} records have no {column}")
    if card["empty"]:
        lines.append(f"no record has a value of {', '.join(card['empty'])}")
    lines.append(f"use it with --catalog {name} and --source {name}:COLUMN; `kakehashi catalogs show {name}`")
    terminal.report("\n".join(lines), {"name": name, "asked": requests, **_short(card)})
