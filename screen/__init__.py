"""Forward: descriptors, pre-trained networks, transferred models, scores, ranking."""

from kakehashi.catalogs.callable_package import make_callable

make_callable(__name__, "kakehashi.screen.api.transfer:screen")
