"""One tiny study, done once: two sources, two networks, three hundred candidates, all embedded."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def ltc_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished conductivity study."""
    from catalogs.rundir import RunDir
    from screen.progress import Progress
    from screen.studies import ltc
    from screen.studies.config import resolve
    from screen.studies.run import run_study

    out = tmp_path_factory.mktemp("studies") / "ltc"
    config = resolve("ltc", {"networks": 2, "limit": 300, "out": str(out)}, None)
    with pytest.MonkeyPatch.context() as patch, RunDir(out) as rundir:
        patch.setattr(ltc, "EMBEDDED", ("ltc", ("standard_entropy", "volume_per_atom"), "mp_formulas"))
        run_study(config, ltc.run, rundir, Progress("quiet"), "kakehashi study ltc")
    return out
