"""Fitted models as files: arrays in safetensors, and a card in JSON.

Nothing in them is executable. Foundation networks of the package are named by their key, others are kept whole; known
values that stand in for predictions are kept. What is read back predicts the same, bit by bit, on the same machine.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError

from kakehashi.catalogs.files.durable import TEMPORARY, make_folder, write_durably
from kakehashi.catalogs.files.paths import path_of
from kakehashi.catalogs.models import library as shelf
from kakehashi.catalogs.records import Crystals, FloatArray, Molecules, PropertyTable, Rejected, UserError
from kakehashi.catalogs.runs.open import results_at
from kakehashi.catalogs.runs.store import is_url
from kakehashi.screen.cache.keep import UNREADABLE, unpacked
from kakehashi.screen.cache.packing import content_hash, pack
from kakehashi.screen.foundation.kept import RECORDS as FOUNDATION
from kakehashi.screen.foundation.kept import read_foundation, shipped_key
from kakehashi.screen.foundation.knowledge import Knowledge
from kakehashi.screen.foundation.known import KnownValues
from kakehashi.screen.foundation.record import Foundation
from kakehashi.screen.transfer.cache import RECORDS as MODELS
from kakehashi.screen.transfer.cards import model_card
from kakehashi.screen.transfer.fit import Model

# Format of a saved model; raise when older versions could not read it.
FORMAT = 1
# Folder of the model inside that of a run.
FOLDER = "model"


class SavedModel(NamedTuple):
    """Parts of a saved model.

    model : without target and knowledge, and its library without cache entries
    target : fields of the table
    foundation : networks that do not come with the package, if any
    known, shares : of `Knowledge`
    """

    model: Any
    target: dict[str, Any]
    foundation: Foundation | None
    known: KnownValues | None
    shares: FloatArray | None


RECORDS: dict[str, type] = (
    MODELS | FOUNDATION | {kind.__name__: kind for kind in (SavedModel, KnownValues, Rejected, Crystals, Molecules)}
)


def encode_model(model: Model) -> dict[str, bytes]:
    """Files of a saved model by name.

    Raises
    ------
    UserError : a model that holds more than named arrays, numbers and texts.
    """
    knowledge = model.knowledge
    key = shipped_key(knowledge.foundation) if knowledge else ""
    sources = tuple(source._replace(checkpoint=None) for source in model.library.sources)
    bare = Model(*model)._replace(
        target=None,  # type: ignore[arg-type]
        knowledge=None,
        checkpoint=None,
        library=model.library._replace(sources=sources),
    )
    saved = SavedModel(
        bare,
        {field.name: getattr(model.target, field.name) for field in fields(PropertyTable)},
        None if knowledge is None or key else knowledge.foundation,
        knowledge.known if knowledge else None,
        knowledge.shares if knowledge else None,
    )
    # Without the date: one model has the same bytes wherever and whenever it is saved.
    about = {name: value for name, value in model_card(model).items() if name != "date"}
    card = {
        **about, "kind": "saved model", "format": FORMAT, "kakehashi": version("kakehashi"),
        "knowledge": knowledge is not None, "foundation": key,
    }  # fmt: skip
    try:
        arrays = pack(saved)
    except TypeError as error:
        raise UserError(f"{model.target.name}: this model cannot be saved ({error})") from error
    return shelf.encode(content_hash(arrays), arrays, card)


def save_model(model: Model, where: str | Path, *, overwrite: bool = False) -> Path:
    """Write a model into a new folder; the folder.

    It appears whole.

    Raises
    ------
    UserError : something is there already that is no model to overwrite, or it cannot be written (code 1).
    """
    path = path_of(where)
    replace = os.path.lexists(path)
    if replace and not (overwrite and (path / shelf.CARD).is_file()):
        advice = "overwrite=True replaces it" if (path / shelf.CARD).is_file() else "choose a new folder"
        raise UserError(f"{path} is there already: {advice}")
    files = encode_model(model)
    temporary = path.with_name(f"{TEMPORARY}{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        make_folder(temporary)
        for name, data in files.items():
            write_durably(temporary / name, data)
        shelf.publish(temporary, path, replace=replace)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}", code=1) from error
    return path


def read_model(where: str | Path) -> Model:
    """Read a model from its folder, or from the folder or URL of a run that holds one.

    Raises
    ------
    UserError : there is none, it is of another version or needs foundation networks that are not there, or it is
        damaged (code 6).
    """
    read, shown = _reader(where)
    try:
        card = json.loads(read(shelf.CARD))
        if card["kind"] != "saved model" or card["schema"] != shelf.SCHEMA:
            raise UserError(f"{shown} holds a {card['kind']}, expected a model that was saved by model.save")
        if card["format"] != FORMAT:
            raise UserError(f"{shown} was saved by kakehashi {card['kakehashi']} in another format: fit it again")
        shelf.check_card(card, card["key"])
        saved: SavedModel = unpacked(shelf.decode(read(shelf.ARRAYS), card), SavedModel, RECORDS)
        if not isinstance(saved.model, Model):
            raise ValueError("holds no model")
        table = PropertyTable(**saved.target)
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{shown} is missing {error.filename}: save the model again", code=6) from error
    except (*UNREADABLE, OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{shown} is damaged or of another version ({type(error).__name__}: {reason})", code=6
        ) from error
    knowledge = None
    if card["knowledge"]:
        foundation = saved.foundation or _shipped(str(card["foundation"]), shown, str(card["kakehashi"]))
        knowledge = Knowledge(foundation, saved.known, saved.shares)
    return saved.model._replace(target=table, knowledge=knowledge)


def _reader(where: str | Path) -> tuple[Callable[[str], bytes], str]:
    """Function that reads a file of a saved model by name, and what messages call the model."""
    if is_url(str(where)):
        results = results_at(str(where))
        if f"{FOLDER}/{shelf.CARD}" not in results.names():
            raise UserError(f"{where} is a run without a model: it was screened with --no-model")
        return lambda name: results.read_bytes(f"{FOLDER}/{name}"), f"{where}/{FOLDER}"
    path = path_of(where)
    found = [folder for folder in (path, path / FOLDER) if (folder / shelf.CARD).is_file()]
    if found:
        return lambda name: (found[0] / name).read_bytes(), str(found[0])
    if (path / "run.json").is_file():
        raise UserError(f"{path} is a run without a model: it was screened with --no-model, or the model was too large")
    raise UserError(f"{path}: expected a folder that model.save wrote, or that of a screening run")


def _shipped(key: str, shown: str, made_by: str) -> Foundation:
    if not re.fullmatch("[0-9a-f]{64}", key):
        raise UserError(f"{shown} names no foundation networks: save the model again", code=6)
    path = shelf.folders().get(key)
    if path is None:
        raise UserError(
            f"{shown} needs the foundation networks {key[:12]} that came with kakehashi {made_by}, which are not here:"
            " install that version, or fit the model again"
        )
    return read_foundation(path)
