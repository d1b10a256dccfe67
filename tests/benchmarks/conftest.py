"""Scripts of benchmarks/ as modules."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def script():
    """Load a script by its name, without running it."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / f"benchmarks/{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
