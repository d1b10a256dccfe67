"""Forward: descriptors to networks to scores to ranking."""

from kakehashi.catalogs.callable_package import make_callable

make_callable(__name__, "kakehashi.screen.api.transfer:screen")
