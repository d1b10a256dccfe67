"""Read quantity and unit of a column from its name."""

from __future__ import annotations

import re

from kakehashi.catalogs.quantities import Quantity, Unit, unit_or_none

_TEMPERATURES = {
    "tg": Quantity("glass_transition_temperature", "K", "glass transition temperature"),
    "tm": Quantity("melting_temperature", "K", "melting temperature"),
    "tb": Quantity("boiling_temperature", "K", "boiling temperature at normal pressure"),
    "temperature": Quantity("temperature", "K", "temperature"),
    "debye": Quantity("debye_temperature", "K", "Debye temperature"),
}
_SUFFIXES = (  # longest first: `_ev_atom` before `_ev`
    (r"_w_?m_?k$", "W/(m K)"),
    (r"_mev_(per_)?atom$", "meV/atom"),
    (r"_ev_(per_)?atom$", "eV/atom"),
    (r"_kj_mol$", "kJ/mol"),
    (r"_j_mol_?k$", "J/(mol K)"),
    (r"_(g_cm3|g_cc)$", "g/cm3"),
    (r"_kg_m3$", "kg/m3"),
    (r"_gpa$", "GPa"),
    (r"_mpa$", "MPa"),
    (r"_ev$", "eV"),
    (r"_cm_1$", "cm-1"),
    (r"_(deg_?c|celsius)$", "degC"),
    (r"_(deg_?f|fahrenheit)$", "degF"),
    (r"_(deg_?k|kelvin)$", "K"),
)
_NAMES = {
    "kappa": "thermal_conductivity",
    "thermal_conductivity": "thermal_conductivity",
    "density": "density",
    "band_gap": "band_gap",
    "bandgap": "band_gap",
    "k_vrh": "bulk_modulus",
    "g_vrh": "shear_modulus",
    "formation_energy": "formation_energy",
}

# Units of a temperature by the parts of a column's name.
_MARKS = {
    **dict.fromkeys(("k", "degk", "kelvin"), "K"),
    **dict.fromkeys(("c", "degc", "°c", "celsius"), "degC"),
    **dict.fromkeys(("f", "degf", "°f", "fahrenheit"), "degF"),
}
_SPELLED = {
    "t_g": "tg", "glass_transition_temperature": "tg", "glass_transition_temp": "tg", "glass_transition": "tg",
    "t_m": "tm", "melting_temperature": "tm", "melting_temp": "tm", "melting_point": "tm",
    "t_b": "tb", "boiling_temperature": "tb", "boiling_temp": "tb", "boiling_point": "tb",
    "debye_temperature": "debye",
}  # fmt: skip
_TEMPERATURE = re.compile(r"temperature|(^|_)temp(_|$)|_point$|^t_?[a-z]{0,4}\d*$")
_KELVIN = re.compile(r"temperature|(^|_)temp$|_point$|^t_?[a-z]?\d*$")  # behind which `_k` is a unit: Tc_k, T_K
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def is_logarithm(column: str) -> bool:
    """Tell whether a name says logarithm.

    No unit applies to one.
    """
    text = column.strip().lower()
    return "log" in text or text.startswith("ln")


def infer(column: str) -> Quantity:
    """Read quantity and unit from a column name.

    The unit is "" (as given) where the name is ambiguous.

    >>> infer("Tg (°C)")[:2], infer("band_gap_ev").unit, infer("gap").unit
    (('glass_transition_temperature', 'degC'), 'eV', '')

    """
    if is_logarithm(column):
        return Quantity(column, "", "as given")
    stem, written = split_unit(column)
    if written is not None:
        return Quantity(_named(stem) or column, written.text)
    text = column.strip().lower()
    tokens = re.split(r"[_\s]+", text)
    if tokens[0] in _TEMPERATURES:
        quantity = _TEMPERATURES[tokens[0]]
        marks = {_MARKS[token] for token in tokens[1:] if token in _MARKS}
        return quantity._replace(unit=marks.pop() if len(marks) == 1 else "")
    unit, stem = "", text
    for pattern, candidate in _SUFFIXES:
        if re.search(pattern, text):
            unit, stem = candidate, re.sub(pattern, "", text)
            break
    if not unit and len(tokens) > 1 and tokens[-1] == "k" and _KELVIN.search("_".join(tokens[:-1])):
        unit, stem = "K", "_".join(tokens[:-1])
    return Quantity(_property(stem) or column, unit, "" if unit else "as given")


def split_unit(column: str) -> tuple[str, Unit | None]:
    """Split a name into stem and unit, if any.

    >>> split_unit("Tg/K")[0], split_unit("gap, eV")[1].text
    ('Tg', 'eV')

    """
    text = column.strip()
    if unit_or_none(text) is not None:
        return text, None
    for place, mark in enumerate(text):
        if _BRACKETS.get(mark) == text[-1]:
            stem, inner = text[:place].strip(), text[place + 1 : -1]
            if unit := _unit_after(stem, re.sub(r"^\s*in\s+", "", inner), bracketed=True):
                return stem.rstrip("/ _"), unit
    for separator in re.finditer(r"\s*[/,;]\s*|\s+in\s+", text):
        stem, rest = text[: separator.start()], text[separator.end() :]
        if unit := _unit_after(stem, rest.strip("()[]") if rest[:1] in _BRACKETS else rest):
            return stem, unit
    return text, None


def bare_name(column: str) -> str:
    """Drop the unit from a name: Tg for `Tg (°C)`."""
    return split_unit(column)[0]


def _unit_after(stem: str, text: str, *, bracketed: bool = False) -> Unit | None:
    """Read the unit behind a stem.

    Letters with other meanings count only behind a temperature.
    """
    unit = unit_or_none(text)
    if unit is None or unit.dimension == "number" or not re.search(r"[^\W\d_]", stem):
        return None
    if unit.dimension == "temperature" and not _TEMPERATURE.search(_plain(stem)):
        return unit if bracketed and text.strip() not in "CFcfk" and not stem[-1].isdigit() else None
    return unit


def _plain(stem: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")


def _named(stem: str) -> str | None:
    """Return the quantity that a stem stands for."""
    plain = _plain(stem)
    first = _SPELLED.get(plain, plain.split("_")[0])
    return _TEMPERATURES[first].name if first in _TEMPERATURES else _property(plain)


def _property(stem: str) -> str | None:
    return next((value for key, value in _NAMES.items() if stem == key or stem.startswith(key + "_")), None)
