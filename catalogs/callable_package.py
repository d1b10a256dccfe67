"""Callable packages: `kakehashi.screen(model, ...)` beside `kakehashi.screen.heads`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import Signature, signature
from types import ModuleType
from typing import Any


def load_function(package: str, name: str, functions: Mapping[str, str]) -> Any:
    """Load a function of a package by name, for its `__getattr__`.

    functions : "module:name" by the names they have here

    Raises
    ------
    AttributeError : none of that name.
    """
    if name not in functions:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    module, _, function = functions[name].partition(":")
    return getattr(import_module(module), function)


def make_callable(package: str, function: str) -> None:
    """Make an imported package callable.

    Parameters
    ----------
    package : its full name
    function : "module:name" of the function to call, imported at the first call
    """
    module, _, name = function.partition(":")

    def target() -> Callable[..., Any]:
        attribute: Callable[..., Any] = getattr(import_module(module), name)
        return attribute

    class CallablePackage(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return target()(*args, **kwargs)

        @property
        def __wrapped__(self) -> Callable[..., Any]:
            return target()

        @property
        def __signature__(self) -> Signature:
            return signature(target())

    sys.modules[package].__class__ = CallablePackage
