"""Models as `kh.transfer` and `kh.load_model` return them: with predictions, files, plots and a short text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kakehashi.screen.api.model_html import model_html
from kakehashi.screen.device import choose, current
from kakehashi.screen.device_names import Device
from kakehashi.screen.prediction.materials import read_materials
from kakehashi.screen.prediction.predict import predict_table
from kakehashi.screen.prediction.saved import read_model, save_model
from kakehashi.screen.scoring.partitions import PartitionScorer, make_scorer
from kakehashi.screen.screening.record import held_out_trust
from kakehashi.screen.transfer.fit import Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class FittedModel(Model):
    """A transferred model that predicts, saves and shows itself.

    It is a `Model`, whose fields it has.

    Examples
    --------
    >>> import kakehashi as kh
    >>> model = kh.transfer(
    ...     kh.pretrain([]), kh.load("ltc", log=True), heads=("ridge",), foundation="none", outer_folds=2, cache=False
    ... )
    >>> table = model.predict(["MgO", "Xx2"])
    >>> table["formula"].to_pylist(), table["reason"].to_pylist()
    (['MgO', 'Xx2'], ['', 'unknown element Xx'])
    >>> model.predict({"formula": ["MgO"]})["mean"] == table["mean"].slice(0, 1)
    True
    """

    def predict(
        self, materials: Any, *, material: str | None = None, as_arrow: bool = False, device: Device = "auto"
    ) -> Any:
        """Predict materials, a row each in the order of the input.

        Columns are `id` (where the input has one), `formula` or `smiles`, mean, lower, upper (90 % interval), all in
        the target's unit, domain (in, edge or out), reason and nearest (training compound). A row that cannot be
        predicted has NaN and the reason.

        Parameters
        ----------
        materials : formulas or SMILES as a list, array or column; or a data frame (pandas, polars), an Arrow table or
            {name: cells}. Of a model of structures a frame with structure columns.
        material : the column of materials in a frame, where its name does not tell.
        as_arrow : return an Arrow table, whatever the input.
        device : as for `pretrain`.

        Returns
        -------
        A data frame of the input's library (of pandas with the input's index), else an Arrow table.
        """
        choose(device)
        structural = self.target.crystals is not None
        table = predict_table(self._scorer(), read_materials(materials, material, structural=structural))
        return table if as_arrow else _like(materials, table)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model into a new folder, for `kh.load_model` and `kakehashi predict`.

        Arrays in safetensors and a card in JSON; nothing is executable.

        Raises
        ------
        UserError : the folder is there already, or cannot be written.
        """
        return save_model(self, path, overwrite=overwrite)

    def report(self, path: str | Path) -> Path:
        """Write an HTML page of what is known of the model: verdict, errors, parity, leaderboard."""
        from kakehashi.screen.api.model_report import write_model_report

        return write_model_report(self, path)

    def plot_parity(self, ax: Axes | None = None, *, name: int = 3) -> Axes:
        """Plot held-out predictions against known values; the `name` worst are named."""
        from kakehashi.screen.api.plots import plot_parity

        return plot_parity(self, ax, name=name)

    def plot_domain(self, ax: Axes | None = None, *, name: int = 3) -> Axes:
        """Plot held-out errors against the distance to the nearest training compound; the `name` largest are named."""
        from kakehashi.screen.api.plots import plot_domain

        return plot_domain(self, ax, name=name)

    def plot_ranking(self, ranked: Any, ax: Axes | None = None, *, top: int = 20) -> Axes:
        """Plot the first candidates of a ranking with their intervals, and the best known value.

        ranked : of `kh.rank` or `predict`
        """
        from kakehashi.screen.api.plots import plot_ranking

        return plot_ranking(self, ranked, ax, top=top)

    def __repr__(self) -> str:
        trust = held_out_trust(self).get("text")
        return "\n  ".join([super().__repr__(), *([trust] if trust else [])])

    def _repr_html_(self) -> str:
        return model_html(self)

    def _scorer(self) -> PartitionScorer:
        """Scorer on the current device, made once."""
        made: dict[str, PartitionScorer] = self.__dict__.setdefault("scorers", {})
        device = str(current())
        if device not in made:
            made[device] = make_scorer(Model(*self))
        return made[device]


def fitted(model: Model) -> FittedModel:
    """Model with methods."""
    return model if isinstance(model, FittedModel) else FittedModel(*model)


def load_model(path: str | Path) -> FittedModel:
    """Load a model that `save` wrote, or that of a screening run.

    It predicts the same, bit by bit, on the same machine.

    path : folder of the model, or folder or URL of the run

    Raises
    ------
    UserError : there is no model, or it is damaged (code 6).

    Examples
    --------
    >>> import kakehashi as kh
    >>> model = kh.transfer(
    ...     kh.pretrain([]), kh.load("ltc", log=True), heads=("ridge",), foundation="none", outer_folds=2, cache=False
    ... )
    >>> path = model.save("kappa")
    >>> kh.load_model(path).predict(["MgO"]) == model.predict(["MgO"])
    True
    """
    return fitted(read_model(path))


def _like(materials: Any, table: Any) -> Any:
    """Table as a data frame of the library that the input is of."""
    library = type(materials).__module__.partition(".")[0]
    if library == "pandas":
        frame = table.to_pandas()
        frame.index = materials.index
        return frame
    if library == "polars":
        return sys.modules["polars"].from_arrow(table)
    return table
