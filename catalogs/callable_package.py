"""Packages that are called like a function: `kakehashi.screen(model, ...)` beside `kakehashi.screen.heads`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from inspect import Signature, signature
from types import ModuleType
from typing import Any


def make_callable(package: str, function: str) -> None:
    """Let calls of a package go to a function of a module below it.

    package : full name of an imported package
    function : "module:name", imported at the first call
    """
    module, _, name = function.partition(":")

    def target() -> Callable[..., Any]:
        called: Callable[..., Any] = getattr(import_module(module), name)
        return called

    class CallablePackage(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return target()(*args, **kwargs)

        @property
        def __signature__(self) -> Signature:
            return signature(target())

    sys.modules[package].__class__ = CallablePackage
