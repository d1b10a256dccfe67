"""Command line and public API of screening and inverse design.

Nothing is computed here: commands and functions are named by import path and loaded on first use.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts import App, UnknownCommandError

    from kakehashi import catalogs
    from kakehashi.design.api.design import design
    from kakehashi.screen.api import models
    from kakehashi.screen.api.campaign import campaign
    from kakehashi.screen.api.check import check
    from kakehashi.screen.api.evaluate import evaluate
    from kakehashi.screen.api.fitted import load_model
    from kakehashi.screen.api.joint import learn_together
    from kakehashi.screen.api.load import load
    from kakehashi.screen.api.next import next_experiments as next
    from kakehashi.screen.api.regressor import TransferRegressor
    from kakehashi.screen.api.transfer import pretrain, rank, screen, transfer
    from kakehashi.screen.progress import Mode

__all__ = [
    "TransferRegressor",
    "campaign",
    "catalogs",
    "check",
    "design",
    "evaluate",
    "learn_together",
    "load",
    "load_model",
    "main",
    "models",
    "next",
    "pretrain",
    "rank",
    "screen",
    "transfer",
]

FIRST_SCREEN = """\
Kakehashi carries what a model learned from plentiful data over to a property you have few values of,
ranks a catalogue of materials by it, and designs polymers that should have it.

  kakehashi demo                                                    a screening and a design, offline
  kakehashi check my.csv:kappa                                      what is in it, before a run
  kakehashi evaluate --target my.csv:kappa --log --out runs/helps   does transfer help for it?
  kakehashi screen --target my.csv:kappa --log --catalog mp_formulas --out runs/kappa
  kakehashi design --target tc.csv:tc --goal 'tc>0.35' --out runs/tc
  kakehashi predict --model runs/kappa mine.csv                     your own candidates, with that run's model
  kakehashi next runs/kappa                                         which experiments to do next, and why
  kakehashi study ltc --out runs/ltc                                the paper's studies, and which claims hold
  kakehashi report runs/kappa                                       (re)build the report of a run
  kakehashi status runs/kappa                                       what is done, what is left
  kakehashi catalogs list                                           the data that come with it
  kakehashi models list                                             networks that are trained already
  kakehashi mcp                                                     tools for an assistant
  kakehashi doctor                                                  is this installation sound?
  kakehashi version                                                 which one is it?

try: kakehashi demo          more: kakehashi --help, kakehashi screen --help
"""

_API = {
    "TransferRegressor": "kakehashi.screen.api.regressor",
    "campaign": "kakehashi.screen.api.campaign",
    **dict.fromkeys(("pretrain", "rank", "transfer"), "kakehashi.screen.api.transfer"),
    "check": "kakehashi.screen.api.check",
    "evaluate": "kakehashi.screen.api.evaluate",
    "learn_together": "kakehashi.screen.api.joint",
    "load": "kakehashi.screen.api.load",
    "load_model": "kakehashi.screen.api.fitted",
    "next": "kakehashi.screen.api.next:next_experiments",
}


# Packages that are called like functions (`make_callable` in their `__init__`), and the module of `kakehashi.models`.
_MODULES = {
    "catalogs": "kakehashi.catalogs",
    "design": "kakehashi.design",
    "models": "kakehashi.screen.api.models",
    "screen": "kakehashi.screen",
}

_ROOMS = Path(__file__).parent
if not (_ROOMS / "catalogs" / "__init__.py").exists():  # a checkout whose links did not survive
    __path__.append(str(_ROOMS.parent))


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _installed()
    if name not in (*_API, *_MODULES):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = import_module(_MODULES[name]) if name in _MODULES else _function(name)
    if not hasattr(builtins, name):  # `next` of this file stays the built-in
        globals()[name] = value
    return value


def _function(name: str) -> Any:
    module, _, function = _API[name].partition(":")
    return getattr(import_module(module), function or name)


def __dir__() -> list[str]:
    return sorted({*globals(), "__version__", *_API, *_MODULES})


def app(words: Sequence[str] = ()) -> App:
    """Assemble the commands; each is imported when it is called or asked for help.

    words : the command line; a command it names shows its long help, the others a line of the list
    """
    from cyclopts import App

    from kakehashi.catalogs.providers import PROVIDERS

    top = App(
        name="kakehashi",
        help="Screen catalogues and design polymers with models transferred from plentiful data.",
        help_epilogue="With any command: `--debug` (or KAKEHASHI_DEBUG=1) shows the traceback of an error;"
        " `--shared-home` (or KAKEHASHI_SHARED_HOME=1) uses a folder of caches that others may write to.",
        version=_version,
        suppress_keyboard_interrupt=False,
    )

    def add(to: App, name: str, where: str, line: str) -> None:
        to.command(where, name=name, help=None if name in words else line)

    catalogs = App(name="catalogs", help="The data that come with Kakehashi.")
    models = App(name="models", help="Libraries of pre-trained networks.")
    add(top, "demo", "kakehashi.design.cli.demo:demo", "Run a screening and a design, offline.")
    add(top, "check", "kakehashi.screen.cli.check:check", "Look at a table before a run.")
    add(top, "evaluate", "kakehashi.screen.cli.evaluate:evaluate", "Measure whether transfer helps for a property.")
    add(top, "screen", "kakehashi.screen.cli.screen:screen", "Rank a catalogue by a target property.")
    add(top, "design", "kakehashi.design.cli.design:design", "Propose polymers that meet a goal.")
    add(top, "predict", "kakehashi.screen.cli.predict:predict", "Predict materials with a saved model.")
    add(top, "next", "kakehashi.screen.cli.next:next_experiments", "Choose the experiments to do next.")
    add(top, "study", "kakehashi.design.cli.study:study", "Repeat one of the paper's studies.")
    add(top, "report", "kakehashi.design.cli.design:report", "(Re)build the HTML report of a run.")
    add(top, "status", "kakehashi.screen.cli.status:status", "Print what a run has done and what is left.")
    add(top, "mcp", "kakehashi.design.cli.mcp:mcp", "Serve commands to an assistant (Model Context Protocol).")
    add(top, "version", "kakehashi.catalogs.cli.version:version", "Print the version.")
    add(top, "doctor", "kakehashi.screen.cli.doctor:doctor", "Check this installation.")
    add(catalogs, "list", "kakehashi.catalogs.cli.catalogs:list_datasets", "List the data sets.")
    add(catalogs, "show", "kakehashi.catalogs.cli.catalogs:show_dataset", "Show one data set.")
    add(catalogs, "build", "kakehashi.catalogs.cli.build:build", "Describe a virtual catalogue.")
    pull = App(name="pull", help="Fetch a catalogue from a public service.")
    for provider in PROVIDERS:
        add(pull, provider.name, provider.command, provider.help)
    catalogs.command(pull)
    top.command(catalogs)
    add(models, "list", "kakehashi.screen.cli.models:list_models", "List cached networks and models.")
    add(models, "show", "kakehashi.screen.cli.models:show_model", "Print a card.")
    add(models, "train", "kakehashi.screen.cli.models:train_models", "Train networks for later runs.")
    add(models, "query", "kakehashi.screen.cli.models:query_models", "Find networks by property, descriptor and error.")
    add(models, "verify", "kakehashi.screen.cli.models:verify_models", "Check files and recompute stored predictions.")
    add(models, "export", "kakehashi.screen.cli.models:export_models", "Write networks into one file.")
    add(models, "import", "kakehashi.screen.cli.models:import_models", "Add the networks of such a file.")
    top.command(models)
    top.register_install_completion_command(
        add_to_startup=False, help="Write the completion of bash, zsh or fish, and say what to add to its start."
    )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; an error is one line on stderr."""
    from kakehashi.catalogs.files.home import shared_knowingly
    from kakehashi.screen.acknowledge import acknowledged, stop_if_busy
    from kakehashi.screen.interrupt import stopped, terminable

    words = list(sys.argv[1:] if arguments is None else arguments)
    options = words[: words.index("--")] if "--" in words else words
    debug = os.environ.get("KAKEHASHI_DEBUG") == "1" or "--debug" in options
    shared = "--shared-home" in options
    words = [word for word in options if word not in ("--debug", "--shared-home")] + words[len(options) :]
    mode: Mode = "events" if "--events" in options else "auto"
    standalone = arguments is None  # this process is the command, and may be ended as one
    try:
        with (
            terminable(process=standalone),
            acknowledged(mode, lambda: stopped(KeyboardInterrupt())) if standalone else nullcontext(),
            shared_knowingly() if shared else nullcontext(),
        ):
            code = _run(words)
            sys.stdout.flush()
    except KeyboardInterrupt as stop:
        code = stopped(stop)
        if standalone:
            stop_if_busy(code)
    except (BrokenPipeError, SystemExit) as left:
        if not isinstance(left, BrokenPipeError) and not isinstance(left.__context__, BrokenPipeError):
            raise  # rich turns a closed pipe into an exit of its own
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; flush nothing at exit
        return 0
    except Exception as error:
        if debug:
            raise
        line, code = _explain(error)
        from kakehashi.catalogs.shown import say

        say(f"error: {line}", error=True)
    return code


def _run(words: list[str]) -> int:
    if not words:
        print(FIRST_SCREEN, end="")
        return 0
    result = app(words[:3])(words, print_error=False, exit_on_error=False, result_action="return_value")
    return result if isinstance(result, int) else 0


def _explain(error: Exception) -> tuple[str, int]:
    """Describe an error in one line, with its exit code."""
    from cyclopts import CycloptsError, UnknownCommandError, UnusedCliTokensError

    from kakehashi.catalogs.records import UserError

    if isinstance(error, CycloptsError):
        where = " ".join(["kakehashi", *(error.command_chain or ())])
        if isinstance(error, UnknownCommandError):
            text = _unknown_command(error)
        elif isinstance(error, UnusedCliTokensError):
            text = _unused_words(error.unused_tokens or [], error.command_chain or ())
        else:
            text = _one_line(error)
        return f"{text} See: {where} --help", 2
    if isinstance(error, UserError):
        return _one_line(error), error.code
    if isinstance(error, MemoryError):
        return f"out of memory ({_one_line(error)}): try fewer --partition-rows, --workers or --networks", 1
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        text = str(error.object)[:200]
        return f"expected text in UTF-8, got {text!a}: rename the file or folder that is called so", 2
    if isinstance(error, OSError) and error.strerror:
        paths = " -> ".join(str(path) for path in (error.filename, error.filename2) if path is not None)
        return f"{error.strerror}{f': {paths}' if paths else ''}", 1
    return f"{type(error).__name__}: {_one_line(error)} (run again with --debug for the traceback)", 1


def _unknown_command(error: UnknownCommandError) -> str:
    """Name the nearest command, without importing the others as cyclopts would."""
    from difflib import get_close_matches

    word = (error.unused_tokens or [""])[0]
    known = [name for name in error.app or () if not name.startswith("-")]
    near = "".join(f" Did you mean {name}?" for name in get_close_matches(word, known, n=1))
    return f"Unknown command: {word}.{near} Commands: {', '.join(known)}."


def _unused_words(words: Sequence[str], chain: Sequence[str]) -> str:
    """Name words that belong to no flag, and what was probably meant."""
    listed = " ".join(words)
    tables = (".csv", ".tsv", ".txt", ".gz", ".xlsx", ".parquet")
    named = [word for word in words if word.partition(":")[0].lower().endswith(tables)]
    if named and list(chain[:1]) in (["screen"], ["evaluate"], ["design"]):
        meant = named[0] if ":" in named[0] else f"{named[0]}:COLUMN"
        return f"Unused words: {listed}. Did you mean --target {meant}?"
    return f"Unused words: {listed}. Words with blanks need quotes; every flag takes one."


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _installed() -> str:
    from importlib.metadata import version

    return version("kakehashi")


def _version() -> str:
    from kakehashi.catalogs.cli.version import version_line

    return version_line()
