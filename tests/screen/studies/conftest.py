"""Tiny studies, each done once, on embedded data."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def ltc_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished conductivity study; eight of its candidates pass for measured."""
    import numpy as np

    from kakehashi.catalogs.properties.assemble import assemble
    from kakehashi.catalogs.runs.rundir import RunDir
    from kakehashi.screen.progress import Progress
    from kakehashi.screen.studies.config import resolve
    from kakehashi.screen.studies.data import Column
    from kakehashi.screen.studies.ltc import study as ltc
    from kakehashi.screen.studies.run import run_study, study_of

    out = tmp_path_factory.mktemp("studies") / "ltc"
    config = resolve("ltc", {"networks": 1, "limit": 200, "out": str(out)}, None)
    with pytest.MonkeyPatch.context() as patch, RunDir(out) as rundir:
        patch.setattr(ltc, "EMBEDDED", (Column("ltc"), (Column("standard_entropy"),), "mp_formulas"))
        inputs = ltc.read(config)
        formulas = next(inputs.catalog.batches(200))["formula"].to_pylist()[::25]
        measured = assemble("measured", formulas, np.arange(1.0, 9.0), log=True, minimum=1)
        inputs = inputs._replace(measured=measured)
        run_study(study_of("ltc"), config, inputs, rundir, Progress("quiet"), "kakehashi study ltc")
    return out


@pytest.fixture(scope="session")
def refractive_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study between inorganic compounds and molecules, on a few rows of either."""
    import numpy as np

    from kakehashi.catalogs.runs.rundir import RunDir
    from kakehashi.screen.progress import Progress
    from kakehashi.screen.studies.config import resolve
    from kakehashi.screen.studies.refractive import study as refractive
    from kakehashi.screen.studies.run import run_study, study_of
    from kakehashi.screen.studies.steps import keep_apart, subset

    out = tmp_path_factory.mktemp("studies") / "refractive"
    config = resolve("refractive-index", {"networks": 1, "draws": 2, "out": str(out)}, None)
    inorganic, (organic,) = refractive.read(config)
    few = []
    for table in (inorganic, organic):
        # As many rows to train on in either table: one compiled program serves both.
        out_of = keep_apart(table.keys, config.seed)
        few.append(subset(table, np.sort([*np.flatnonzero(out_of)[:9], *np.flatnonzero(~out_of)[:66]])))
    inputs = refractive.RefractiveInputs(few[0], few[1:])
    with RunDir(out) as rundir:
        run_study(study_of("refractive-index"), config, inputs, rundir, Progress("quiet"), "kakehashi study ...")
    return out


@pytest.fixture(scope="session")
def polymer_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study of 19 liquids, with one source."""
    from kakehashi.catalogs.runs.rundir import RunDir
    from kakehashi.screen.progress import Progress
    from kakehashi.screen.studies.config import resolve
    from kakehashi.screen.studies.polymer import result as polymer_result
    from kakehashi.screen.studies.polymer import study as polymer
    from kakehashi.screen.studies.run import run_study, study_of

    out = tmp_path_factory.mktemp("studies") / "polymer"
    config = resolve("polymer-tc", {"networks": 1, "draws": 2, "out": str(out)}, None)
    with pytest.MonkeyPatch.context() as patch, RunDir(out) as rundir:
        patch.setattr(polymer, "EMBEDDED", (polymer_result.Role("heat capacity Cp", "molecule_heat_capacity"),))
        run_study(
            study_of("polymer-tc"), config, polymer.read(config), rundir, Progress("quiet"), "kakehashi study ..."
        )
    return out
