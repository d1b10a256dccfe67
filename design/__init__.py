"""Backward: from a wanted property to repeat units and their monomers."""

from kakehashi.catalogs.callable_package import make_callable

make_callable(__name__, "kakehashi.design.api.design:design")
