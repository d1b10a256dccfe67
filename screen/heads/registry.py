"""Registry of heads, one line each; nothing is imported before use.

A new head is a file beside this one and a line here: `--heads`, `--baselines`, help, leaderboards, rankings and
proposals know it then.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kakehashi.screen.heads.head import Head


class Line(NamedTuple):
    """Registry line of a head.

    where : "module:name" of the `Head`
    about : text for help, shared by neighbours that have the same
    direct, frozen : serves descriptors, serves frozen features of networks
    """

    where: str
    about: str = ""
    direct: bool = True
    frozen: bool = True


_FEW = "on the best five networks of a source; minutes"
_BLOCKS = "a kernel for each block of descriptors, min-max of counts; joins the default where they count environments"
_OURS = "without transfer"
_TABLE_1 = "without transfer; Table 1 of Liu, Yamada & Wu, 2021"
_ON_FEATURES = "forests on frozen features; there too"

# In the order of their columns in a stack.
LINES: dict[str, Line] = {
    "ridge": Line("kakehashi.screen.heads.ridge:ridge"),
    "gp": Line("kakehashi.screen.heads.gp:gp"),
    "block-gp": Line("kakehashi.screen.heads.block_gp:block_gp", _BLOCKS, frozen=False),
    "forest": Line("kakehashi.screen.heads.forest:forest", _FEW),
    "finetune": Line("kakehashi.screen.heads.finetune:finetune", _FEW, direct=False),
    "extra-trees": Line("kakehashi.screen.heads.extra_trees:extra_trees", _OURS, frozen=False),
    "tuned": Line(
        "kakehashi.screen.heads.tuned:tuned",
        "fine-tunes foundation networks; from 500 values on",
        direct=False,
        frozen=False,
    ),
    "boosting": Line("kakehashi.screen.heads.boosting:boosting", _OURS, frozen=False),
    "network": Line("kakehashi.screen.heads.pyramids:network", _OURS, frozen=False),
    "elastic-net": Line("kakehashi.screen.heads.elastic_net:elastic_net", _OURS, frozen=False),
    "rf-1": Line("kakehashi.screen.heads.families:rf_1", _TABLE_1, frozen=False),
    "rf-2": Line("kakehashi.screen.heads.families:rf_2", _TABLE_1, frozen=False),
    "gb": Line("kakehashi.screen.heads.families:gb", _TABLE_1, frozen=False),
    "en": Line("kakehashi.screen.heads.families:en", _TABLE_1, frozen=False),
    "nn-1": Line("kakehashi.screen.heads.families:nn_1", _TABLE_1, frozen=False),
    "nn-2": Line("kakehashi.screen.heads.families:nn_2", _TABLE_1, frozen=False),
    "nn-3": Line("kakehashi.screen.heads.families:nn_3", _TABLE_1, frozen=False),
    "tl-1": Line("kakehashi.screen.heads.families:tl_1", _ON_FEATURES, direct=False),
    "tl-2": Line("kakehashi.screen.heads.forest:forest", _ON_FEATURES, direct=False),
}
DEFAULT_HEADS = ("ridge", "gp")
# Every head but those that only repeat a published table; one that costs too much leaves itself out.
SERVING_HEADS = tuple(name for name, line in LINES.items() if line.about not in (_TABLE_1, _ON_FEATURES))
# Baselines of `evaluate`, beside the heads of the model.
DEFAULT_BASELINES = ("elastic-net", "forest", "boosting", "network")


class _Heads(dict[str, "Head"]):
    """Heads by name, loaded on first use."""

    def __missing__(self, name: str) -> Head:
        module, _, attribute = LINES[name].where.partition(":")
        head: Head = getattr(import_module(module), attribute)
        self[name] = head._replace(name=name)
        return self[name]


HEADS = _Heads()


def direct_heads() -> tuple[str, ...]:
    """Heads that serve descriptors, without transfer."""
    return tuple(name for name, line in LINES.items() if line.direct)


def heads_help() -> str:
    """Help text of `--heads`."""
    groups = groupby(LINES.items(), lambda item: item[1].about)
    parts = [", ".join(name for name, _ in group) + (f" ({about})" if about else "") for about, group in groups]
    return f"Heads tried, with commas: {'; '.join(parts)}. Default: {_listed(DEFAULT_HEADS)}."


def baselines_help() -> str:
    """Help text of `--baselines`."""
    return (
        "Models without transfer beside those of the heads, with commas: any of"
        f" {', '.join(direct_heads())}; or none. Default: {_listed(DEFAULT_BASELINES)}."
    )


def _listed(names: Iterable[str]) -> str:
    return ",".join(names)
