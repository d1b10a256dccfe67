"""Makes the servers of `services.py` importable by name from the tests beside it."""

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("services", Path(__file__).with_name("services.py"))
assert _spec is not None
assert _spec.loader is not None
sys.modules["services"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules["services"])
