"""The `kakehashi models` commands: flags, nothing else. Heavy imports wait for the call."""

from __future__ import annotations

from typing import Any

from kakehashi.screen.cli.flags import Descriptors, Many, Switch, Whole, mode_of
from kakehashi.screen.device import Device


def list_models(*, json: Switch = False) -> int:
    """List the kept networks and models, and those that come with the package.

    Parameters
    ----------
    json
        Print JSON instead of a table.
    """
    from kakehashi.screen.cli.models_text import show_list

    return show_list(json_out=json)


def show_model(id: str, *, json: Switch = False) -> int:
    """Print the card of a stack of networks or of a model; of one network its line of the index.

    Parameters
    ----------
    id
        An id from `kakehashi models list` or `query`; the first digits will do.
    json
        Print the whole card as JSON.
    """
    from kakehashi.screen.cli.models_text import show_card

    return show_card(id, json_out=json)


def train_models(
    *,
    source: Many = None,
    table1: str | None = None,
    material: Many = None,
    unit: Many = None,
    networks: Whole | None = None,
    trunk: str | None = None,
    convention: str | None = None,
    descriptors: Descriptors = None,
    exclude: str | None = None,
    seed: Whole | None = None,
    device: Device | None = None,
    config: str | None = None,
    dry_run: Switch = False,
    json: Switch = False,
    quiet: Switch = False,
    events: Switch = False,
) -> int:
    """Train networks on source properties and keep them for good.

    Runs with the same settings use them instead of training, unless the target's compounds are among their rows: such
    runs train their own without these, so that their cross-validation stays honest. --exclude trains them that way
    from the start. Networks are kept with their errors on the rows their early stopping watched.

    Example: kakehashi models train --source volume_per_atom --source mine.csv:gap --networks 100

    Example: kakehashi models train --table1 data --networks 100

    Parameters
    ----------
    source
        A source property: a name, FILE:COLUMN or FILE:log(COLUMN); repeat for several.
    table1
        Train every property of Table 1 of Liu, Yamada and Wu (2021) for which this folder has data, and say of the
        others why they cannot be had.
    material
        The column of formulas or SMILES, where its name does not tell (formula, composition, smiles, pretty_formula,
        repeat_unit ...); repeat it for files that call it differently: the first of them that a file has.
    unit
        COLUMN=UNIT, or FILE:COLUMN=UNIT: the unit of a value column whose name does not say it, such as tg=degC; repeat
        for several.
    networks
        Networks per source, and for the shared trunk. Default: 100.
    trunk
        separate: networks for each source; shared: networks that learn all sources at once; both. Default: separate.
    convention
        Amounts behind the descriptors of formulas: reduced, cell or per-atom. Default: reduced.
    exclude
        A target whose compounds no network is to see.
    seed
        One seed for everything random. Default: 0.
    device
        Compute on auto (a GPU where jax sees one), cpu or gpu. Default: auto.
    config
        A TOML file with the same names as these flags; flags win.
    dry_run
        Check everything and say what would be trained; write nothing.
    json
        Print what was trained as JSON.
    quiet
        Print nothing but errors.
    events
        Progress as JSON lines on stderr.
    """
    from kakehashi.screen.cli.models_text import train_and_print

    flags: dict[str, Any] = {
        "source": source, "table1": table1, "material": material, "unit": unit, "networks": networks, "trunk": trunk,
        "convention": convention, "descriptors": descriptors, "exclude": exclude, "seed": seed, "device": device,
    }  # fmt: skip
    mode = mode_of(json=json, quiet=quiet, events=events)
    return train_and_print(flags, config, mode, dry_run=dry_run, json_out=json, quiet=quiet)


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
    json: Switch = False,
) -> int:
    """Find networks by what they predict, from what, and how well.

    Every network is a line of its own. Texts are looked for as parts (`--property volume` finds volume_per_atom),
    numbers are of the rows a network's early stopping watched, on the fitted scale.

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
    json
        Print JSON, with every field.
    """
    from kakehashi.screen.cli.models_text import query_and_print

    wanted: dict[str, Any] = {
        "property": property, "descriptor": descriptor, "modelset": modelset, "method": method, "unit": unit,
        "transferred": transferred, "min_pearson": min_pearson, "min_spearman": min_spearman, "min_r2": min_r2,
        "max_mae": max_mae, "max_rmse": max_rmse,
    }  # fmt: skip
    return query_and_print(wanted, filter or [], sort, limit, json_out=json)


def verify_models(*ids: str, device: Device = "auto", json: Switch = False, quiet: Switch = False) -> int:
    """Check kept networks: their checksums, and that they still compute the predictions kept with them.

    Bit by bit on the kind of machine that wrote them; elsewhere within 0.001 standard deviations of the property. The
    exit code is 6 if one is damaged or computes something else.

    Parameters
    ----------
    ids
        Ids from `kakehashi models list`; all if none are given.
    device
        Compute on auto (a GPU where jax sees one), cpu or gpu.
    json
        Print JSON instead of lines.
    quiet
        Print nothing but errors.
    """
    from kakehashi.screen.cli.models_text import verify_and_print

    return verify_and_print(ids, device, json_out=json, quiet=quiet)


def export_models(
    *ids: str, out: str, overwrite: Switch = False, dry_run: Switch = False, json: Switch = False,
    quiet: Switch = False,
) -> int:  # fmt: skip
    """Write networks into one file for another machine: a zip of arrays and cards, nothing executable.

    Example: kakehashi models export --out library.zip

    Parameters
    ----------
    ids
        Ids from `kakehashi models list`; all networks kept here if none are given.
    out
        The file.
    overwrite
        Replace the file.
    dry_run
        Say what would be written; write nothing.
    json
        Print JSON.
    quiet
        Print nothing but errors.
    """
    from kakehashi.screen.cli.models_text import export_and_print

    return export_and_print(ids, out, overwrite=overwrite, dry_run=dry_run, json_out=json, quiet=quiet)


def import_models(file: str, *, json: Switch = False, quiet: Switch = False) -> int:
    """Add the networks of a file that `kakehashi models export` wrote; all of them, or none if anything is wrong.

    Runs with the same settings on the same kind of machine take them for their own: import what you trust.

    Parameters
    ----------
    file
        The file.
    json
        Print JSON.
    quiet
        Print nothing but errors.
    """
    from kakehashi.screen.cli.models_text import import_and_print

    return import_and_print(file, json_out=json, quiet=quiet)
