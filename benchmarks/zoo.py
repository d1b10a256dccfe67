"""The model zoo at the scale of XenonPy.MDL: 1,000 networks of one property on disk, 140,000 entries in the index.

Prints what training, storing, loading and verifying a stack costs, how long queries take, and how much the errors in
the index flatter: those of the rows a network's early stopping watched beside those of rows nobody saw.

Usage: python benchmarks/zoo.py [--networks 1000] [--entries 140000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time

import numpy as np


def timed(what: str, work, repeats: int = 1):
    """Wall and processor seconds, the median of several calls; what the last one returned."""
    seconds, busy, found = [], [], None
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        found = work()
        seconds.append(time.perf_counter() - start)
        busy.append(time.process_time() - used)
    print(f"{what:<56} {statistics.median(seconds):8.3f} s, processor {statistics.median(busy):8.3f} s")
    return found


def stack(networks: int) -> None:
    """One stack of many networks at full size; their weights are as drawn, on which nothing measured here depends."""
    from kakehashi.catalogs.models import library as shelf
    from kakehashi.catalogs.properties import embedded
    from kakehashi.screen.api import models as models_api
    from kakehashi.screen.models.verify import verify
    from kakehashi.screen.networks.cards import networks_card
    from kakehashi.screen.networks.kept import PRETRAIN_VERSION, load_or_pretrain, packed, stack_key
    from kakehashi.screen.networks.pyramid import Network, draw_widths, initial_params, trim_params
    from kakehashi.screen.networks.source import Library, Settings, described, judged, prepare

    table, settings = embedded.table("melting_temperature"), Settings(networks)
    ready = prepare([table], settings)

    def untrained(i: int) -> Network:
        rng = np.random.default_rng([settings.seed, i])
        widths = draw_widths(rng, ready.x.shape[1])
        hidden, output = trim_params(initial_params(rng, widths, ready.x.shape[1], 1), widths)
        return Network(hidden, output, np.full(1, np.nan), 0)

    print(f"melting_temperature, {len(table)} rows, {networks} networks")
    key = stack_key([table], settings)
    drawn = [untrained(i) for i in range(networks)]
    trained = timed("measure all of them on their held-out rows", lambda: judged(ready, settings, drawn))
    library = Library((described(table.name, ready.rows, trained),), settings.convention, settings.seed)
    card = networks_card(library, settings.schedule._asdict(), PRETRAIN_VERSION)
    failed = timed("store", lambda: shelf.store(key, packed(library), card))
    if failed:
        raise SystemExit(failed)
    size = {path.name: path.stat().st_size for path in shelf.folders()[key].iterdir()}
    for name, length in sorted(size.items()):
        print(f"  {name:<56} {length / 1e6:9.2f} MB, {length / networks / 1e3:7.1f} kB per network")
    timed("find it again instead of training", lambda: load_or_pretrain([table], settings))
    loaded = timed("kh.models.load", lambda: models_api.load(key), 3)
    timed("kh.models.load of one network", lambda: models_api.load(f"{key}-7"), 3)
    timed(
        "predict 1,000 formulas by every network", lambda: loaded.predict(table.materials[:700] + table.materials[:300])
    )
    checked = timed("verify", lambda: verify(key, shelf.folders()[key]))
    print(f"  {checked.outcome}: {checked.text}")
    timed("index it", models_api.query)
    found = timed("query min_pearson=0.5", lambda: models_api.query(property="melting", min_pearson=0.5), 5)
    print(f"  {found.num_rows} networks")


def index(entries: int, per_stack: int) -> None:
    """An index of many entries: the cards are those of one real stack, its figures drawn anew for every card."""
    import json

    from kakehashi.catalogs.models import index as model_index
    from kakehashi.catalogs.models import library as shelf
    from kakehashi.catalogs.properties import embedded
    from kakehashi.screen.api import models as models_api
    from kakehashi.screen.networks.kept import load_or_pretrain
    from kakehashi.screen.networks.pretrain import Schedule
    from kakehashi.screen.networks.source import Settings

    settings = Settings(per_stack if per_stack <= 20 else 20, 1, schedule=Schedule(max_epochs=5, row_visits=1))
    key = load_or_pretrain([embedded.table("heat_capacity")], settings).checkpoint.key
    card = json.loads((shelf.folders()[key] / shelf.CARD).read_text())
    rng = np.random.default_rng(0)
    for number in range(entries // per_stack):
        body = {
            name: value
            for name, value in card.items()
            if name not in ("schema", "key", "sha256", "bytes", "card_sha256")
        }
        name = f"{card['tasks'][0]['property']}_{number % 45}"
        body["tasks"] = [{**card["tasks"][0], "property": name}]
        body["entries"] = [
            {**card["entries"][i % len(card["entries"])],
             "metrics": [{metric: float(rng.random()) for metric in card["entries"][0]["metrics"][0]}]}
            for i in range(per_stack)
        ]  # fmt: skip
        body["networks"] = per_stack
        shelf.store(f"{number:064x}", {"x": np.zeros(1)}, body)
    count = len(timed(f"index {entries:,} networks in {entries // per_stack:,} stacks", model_index.query).table)
    path = shelf.models_folder().parent / model_index.FILE
    print(f"  {count:,} rows, {path.stat().st_size / 1e6:.1f} MB")
    wanted = {"property": "capacity_7", "min_pearson": 0.9, "descriptor": "composition"}
    found = timed("query property, min_pearson, descriptor", lambda: models_api.query(**wanted), 9)
    print(f"  {found.num_rows:,} networks")
    found = timed("query every field of all that correlate above 0.5", lambda: models_api.query(min_pearson=0.5), 5)
    print(f"  {found.num_rows:,} networks")
    (shelf.models_folder() / f"{0:064x}" / shelf.CARD).touch()
    timed("bring it up to date after one card changed", model_index.query)


def flattery(networks: int) -> None:
    """Errors on rows that early stopping watched, beside those on a fifth of the rows that nobody saw."""
    from kakehashi.catalogs.properties import embedded
    from kakehashi.screen.descriptors.materials import describe
    from kakehashi.screen.descriptors.scaling import standardise
    from kakehashi.screen.networks.evidence import errors, predictions
    from kakehashi.screen.networks.source import Settings, pretrain_source

    for name in ("volume_per_atom", "melting_temperature"):
        table = embedded.table(name)
        unseen = set(np.random.default_rng(0).permutation(np.array(table.keys, object))[: len(table) // 5].tolist())
        source = pretrain_source([table], Settings(networks), exclude=unseen)
        rows = np.flatnonzero([key in unseen for key in table.keys])
        x = standardise(source.scaling, describe(table.inputs.take(rows), "reduced"))
        task = source.tasks[0]
        said = predictions(source.networks, np.asarray(x))[:, :, 0] * task.scale + task.centre
        test = np.array([errors(table.y[rows], said[:, i].astype(float)) for i in range(networks)])
        watched = source.evidence.scores[:, 0]
        rows_watched = int(source.evidence.rows[0, 0])
        print(f"{name}, {networks} networks: {len(rows)} rows nobody saw against {rows_watched} watched by each")
        best = np.argmax(watched[:, 5])
        for i, label in ((0, "mean absolute error, ln"), (5, "Pearson correlation")):
            a, b = np.median(watched[:, i]), np.median(test[:, i])
            print(f"  {label:<24} median: watched {a:.4f}, unseen {b:.4f};", end="")
            print(f" of the best by correlation: watched {watched[best, i]:.4f}, unseen {test[best, i]:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--entries", type=int, default=140_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KAKEHASHI_HOME"] = folder
        stack(chosen.networks)
        flattery(20)
        index(chosen.entries, 100)


if __name__ == "__main__":
    main()
