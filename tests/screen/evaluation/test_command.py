"""The command to go on with: what was measured to be best, or an evaluation of what is worth keeping."""

import shlex
from types import SimpleNamespace

import pytest

import kakehashi as kh
from kakehashi.catalogs.properties.tables import load_table
from kakehashi.screen.evaluation.command import keep_sources, write_command
from kakehashi.screen.evaluation.config import resolve
from kakehashi.screen.evaluation.worth import Worth
from kakehashi.screen.screening.config import sources_of
from kakehashi.screen.transfer.rows import CHOSEN, DIRECT


def finding(config, target, recommended, kept):
    names = sources_of(config.source, target)
    return SimpleNamespace(
        target=target, knowledge=None, verdict=SimpleNamespace(recommended=recommended),
        library=SimpleNamespace(sources=[SimpleNamespace(name=name) for name in names]),
        worth=tuple(Worth(name, 0.4, 0.1, 0.2, keep=name in kept, sure=False) for name in names),
    )  # fmt: skip


@pytest.mark.parametrize("holdout", ["top", "formula"])
def test_the_share_of_the_largest_values_is_that_of_the_evaluation(holdout):
    given = {"target": "ltc", "source": ["all"], "foundation": "none", "holdout": holdout, "top_fraction": 0.35}
    config, target = resolve(given, None), load_table("ltc")
    words = shlex.split(write_command(config, finding(config, target, DIRECT, {"density"})))
    shares = [words[k + 1] for k, word in enumerate(words) if word == "--top-fraction"]
    assert shares == (["0.35"] if holdout == "top" else [])
    assert kh.main([*words[1:], "--dry-run", "--quiet"]) == 0


@pytest.mark.parametrize(
    ("given", "recommended", "kept", "source", "verb"),
    [
        (["all"], DIRECT, {"density"}, ("density",), "evaluate"),
        (["all"], CHOSEN, {"density"}, ("density",), "evaluate"),
        (["all"], DIRECT, set(), ("all",), "screen"),
        (["density", "melting_temperature"], DIRECT, {"density"}, ("density",), "evaluate"),
        (["density", "melting_temperature"], CHOSEN, {"density"}, ("density", "melting_temperature"), "screen"),
    ],
)
def test_what_is_worth_keeping_is_evaluated_next(given, recommended, kept, source, verb):
    config = resolve({"target": "ltc", "source": given, "foundation": "none"}, None)
    target = load_table("ltc")
    found = finding(config, target, recommended, kept)
    assert keep_sources(config, found).source == source
    words = shlex.split(write_command(config, found))
    assert words[1] == verb
    assert kh.main([*words[1:], "--dry-run", "--quiet"]) == 0
    given_now = [words[k + 1] for k, word in enumerate(words) if word == "--source"]
    assert given_now == (["none"] if verb == "screen" and recommended == DIRECT else list(source))
