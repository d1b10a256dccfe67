"""The `kakehashi models` commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from kakehashi.catalogs.cli.flags import DryRunFlags, FileFlags, JsonFlags, OverwriteFlags, ProgressFlags, QuietFlags
from kakehashi.catalogs.cli.flatten import FlagValues, Many, Whole, flatten_flags
from kakehashi.screen.models.config import TrainConfig
from kakehashi.screen.runs.flags import ConfigFlags, DeviceFlags


@flatten_flags
def list_models(*, call: JsonFlags) -> int:
    """List cached networks and models, and those that come with the package."""
    from kakehashi.screen.cli.models_text import show_list

    return show_list(json_out=call.json)


@flatten_flags
def show_model(id: str, *, call: JsonFlags) -> int:
    """Print the card of a stack of networks, of a model, or of one network.

    Parameters
    ----------
    id
        An id from `kakehashi models list` or `query`, or its first digits.
    """
    from kakehashi.screen.cli.models_text import show_card

    return show_card(id, json_out=call.json)


@dataclass(frozen=True, kw_only=True)
class TrainCall(ConfigFlags, ProgressFlags):
    """Flags of a call that trains; no keys of the file."""


@flatten_flags
def train_models(*, flags: Annotated[FlagValues, TrainConfig], call: TrainCall) -> int:
    """Train networks on source properties and keep them for good.

    Runs with the same settings use them instead of training, unless materials of the target are among their rows: such
    runs train their own without these, so that nothing they are tested on was seen. --exclude trains without them from
    the start. Cards state errors on the rows that stopped the training early.

    Example: kakehashi models train --source volume_per_atom --source mine.csv:gap --networks 100

    Example: kakehashi models train --table1 data --networks 100

    Example: kakehashi models train --foundation data/inorganic --recipe inorganic
    """
    from kakehashi.screen.cli.flags import choose_mode
    from kakehashi.screen.cli.models_text import train_and_print

    return train_and_print(
        flags, call.config, choose_mode(call), dry_run=call.dry_run, json_out=call.json, quiet=call.quiet
    )


@flatten_flags
def query_models(
    *,
    property: str | None = None,
    descriptor: str | None = None,
    modelset: str | None = None,
    method: str | None = None,
    unit: str | None = None,
    transferred: bool | None = None,
    min_pearson: float | None = None,
    min_spearman: float | None = None,
    min_r2: float | None = None,
    max_mae: float | None = None,
    max_rmse: float | None = None,
    filter: Many = None,
    sort: str = "pearson",
    limit: Whole | None = None,
    call: JsonFlags,
) -> int:
    """Find networks by what they predict, from what, and how well.

    Every network is a line of its own. A text matches any part of its field (`--property volume` finds
    volume_per_atom). Errors are of the rows that stopped the training early, on the fitted scale.

    Example: kakehashi models query --property volume --min-pearson 0.9 --descriptor composition

    Parameters
    ----------
    property
        Part of the name of the property.
    descriptor
        Part of the descriptor: composition, smiles, ecfp4, ...
    modelset
        Part of where the data come from.
    method
        Part of the kind of model.
    unit
        Part of the unit.
    transferred
        Transferred models only, or none of them.
    min_pearson
        Smallest Pearson correlation.
    min_spearman
        Smallest rank correlation.
    min_r2
        Smallest coefficient of determination.
    max_mae
        Largest mean absolute error.
    max_rmse
        Largest root mean square error.
    filter
        Any field of the index: FIELD OPERATOR VALUE, e.g. 'layers>=5' or 'p_value<1e-3'; repeat for several.
    sort
        The field to sort by: correlations from the largest, errors from the smallest.
    limit
        Print only the first lines.
    """
    from kakehashi.screen.cli.models_text import query_and_print

    wanted: dict[str, Any] = {
        "property": property, "descriptor": descriptor, "modelset": modelset, "method": method, "unit": unit,
        "transferred": transferred, "min_pearson": min_pearson, "min_spearman": min_spearman, "min_r2": min_r2,
        "max_mae": max_mae, "max_rmse": max_rmse,
    }  # fmt: skip
    return query_and_print(wanted, filter or [], sort, limit, json_out=call.json)


@flatten_flags
def verify_models(*ids: str, flags: DeviceFlags, call: QuietFlags) -> int:
    """Check cached networks: their checksums, and that they still compute the predictions stored with them.

    Bit by bit on the kind of machine that wrote them; elsewhere within 0.001 standard deviations of the property. The
    exit code is 6 if one is damaged or computes something else.

    Parameters
    ----------
    ids
        Ids from `kakehashi models list`; all if none are given.
    """
    from kakehashi.screen.cli.models_text import verify_and_print

    return verify_and_print(ids, flags.device, json_out=call.json, quiet=call.quiet)


@dataclass(frozen=True, kw_only=True)
class ExportCall(OverwriteFlags, DryRunFlags, FileFlags):
    """Flags of a call that writes an archive."""


@flatten_flags
def export_models(*ids: str, call: ExportCall) -> int:
    """Write networks into one file for another machine.

    The file is a zip of arrays and cards; nothing in it is executable.

    Example: kakehashi models export --out library.zip

    Parameters
    ----------
    ids
        Ids from `kakehashi models list`; all networks of the cache if none are given.
    """
    from kakehashi.screen.cli.models_text import export_and_print

    return export_and_print(
        ids, call.out, overwrite=call.overwrite, dry_run=call.dry_run, json_out=call.json, quiet=call.quiet
    )


@flatten_flags
def import_models(file: str, *, call: QuietFlags) -> int:
    """Add the networks of a file that `kakehashi models export` wrote.

    Adds all of them, or none if anything is wrong. Later runs with the same settings on the same kind of machine use
    them: import only what you trust.

    Parameters
    ----------
    file
        The file.
    """
    from kakehashi.screen.cli.models_text import import_and_print

    return import_and_print(file, json_out=call.json, quiet=call.quiet)
