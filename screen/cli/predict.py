"""The `kakehashi predict` command."""

from __future__ import annotations

from dataclasses import dataclass

from kakehashi.catalogs.cli.flags import OverwriteFlags, QuietFlags
from kakehashi.catalogs.cli.flatten import flatten_flags
from kakehashi.screen.runs.flags import DeviceFlags, MaterialFlags


@dataclass(frozen=True, kw_only=True)
class PredictFlags(DeviceFlags, MaterialFlags):
    """Flags of a prediction."""


@flatten_flags
def predict(
    file: str,
    *,
    model: str,
    out: str | None = None,
    flags: PredictFlags,
    replace: OverwriteFlags,
    call: QuietFlags,
) -> int:
    """Predict the materials of a table with a saved model.

    Every row is predicted, in the order of the file: mean, 90 % interval, domain (in, edge or out), its reason, and the
    nearest training compound. A row that cannot be predicted stays empty and says why. Without --out the table is
    printed as CSV.

    Example: kakehashi predict --model runs/kappa mine.csv --out predicted.csv

    Parameters
    ----------
    file
        Table of formulas, SMILES or structures (.csv, .tsv, also .gz, .xlsx, .parquet, or a folder of Parquet).
    model
        Folder that `model.save` wrote, or folder or URL of a run of `kakehashi screen`.
    out
        Table to write, .csv or .parquet.
    """
    from kakehashi.screen.prediction.files import predict_file

    return predict_file(
        file, model, out, material=flags.material, device=flags.device, overwrite=replace.overwrite,
        json_out=call.json, quiet=call.quiet,
    )  # fmt: skip
