"""Data in: materials, formulas, property tables, catalogues, files.

`kakehashi.catalogs.list()` and `kakehashi.catalogs.show(name)` say what is at hand.
"""

from typing import Any

from kakehashi.catalogs.callable_package import load_function

_FUNCTIONS = {
    "list": "kakehashi.catalogs.candidates.listing:list_catalogs",
    "show": "kakehashi.catalogs.candidates.listing:show_catalog",
}


def __getattr__(name: str) -> Any:
    return load_function(__name__, name, _FUNCTIONS)
