"""Pre-training: ours against training the same networks one after the other.

    python benchmarks/pretrain_today.py [--networks 100] [--rows 1000] [--epochs 20] [--sample 6]

The same widths, rows, batches, learning rate and number of epochs, the validation loss after every epoch, no early
stopping on either side. Ours trains all networks, compilation included; the other sides train `--sample` of them,
spread evenly, EXTRAPOLATED to all.

- The best users scan all of Adam's steps of a network in one compiled program (`peers.py`, optax), without a validation
  loss; compilation is left out on both sides there.
- One by one as one would today: torch where torch can be imported, else flax with a jitted step, whose compilation for
  every network's own shapes is included, as it would be.
"""

from __future__ import annotations

import argparse
import itertools
import time

import numpy as np
from peers import fused_adam
from today import Cost, Ratio, both, conclude, profile

from kakehashi.catalogs.properties.tables import load_table
from kakehashi.screen.descriptors.composition import compute
from kakehashi.screen.descriptors.scaling import fit_scaling, standardise
from kakehashi.screen.networks.pretrain import Schedule, pretrain
from kakehashi.screen.networks.pyramid import NEGATIVE_SLOPE


def torch_training(widths: tuple[int, ...], x: np.ndarray, y: np.ndarray, epochs: int, schedule: Schedule) -> float:
    """Validation loss of one network after `epochs`."""
    import torch

    rng = np.random.default_rng(0)
    sizes = (x.shape[1], *widths)
    layers: list[torch.nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.LeakyReLU(NEGATIVE_SLOPE)]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], 1))
    optimiser = torch.optim.Adam(network.parameters(), lr=schedule.learning_rate)
    data, targets = torch.from_numpy(x), torch.from_numpy(y)
    held, train, steps = split(len(x), schedule)
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(train), steps):
            optimiser.zero_grad()
            loss = torch.nn.functional.mse_loss(network(data[batch]), targets[batch])
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            validation = float(torch.nn.functional.mse_loss(network(data[held]), targets[held]))
    return validation


def flax_training(widths: tuple[int, ...], x: np.ndarray, y: np.ndarray, epochs: int, schedule: Schedule) -> float:
    """Validation loss of one network after `epochs`."""
    import jax
    import jax.numpy as jnp
    import optax

    from kakehashi.screen.networks.pyramid import Pyramid, initial_params

    rng = np.random.default_rng(0)
    network, optimiser = Pyramid(widths, 1), optax.adam(schedule.learning_rate)

    def loss(params, x, y):
        return jnp.mean((network.apply({"params": params}, x) - y) ** 2)

    @jax.jit
    def step(params, state, x, y):
        updates, state = optimiser.update(jax.grad(loss)(params, x, y), state)
        return optax.apply_updates(params, updates), state

    params = initial_params(rng, widths, x.shape[1], 1)
    state, judged = optimiser.init(params), jax.jit(loss)
    held, train, steps = split(len(x), schedule)
    size = len(train) // steps
    for _ in range(epochs):
        for batch in rng.permutation(train)[: steps * size].reshape(steps, size):
            params, state = step(params, state, x[batch], y[batch])
        validation = float(judged(params, x[held], y[held]))
    return validation


def fused_training(
    widths: list[tuple[int, ...]], x: np.ndarray, y: np.ndarray, epochs: int, schedule: Schedule
) -> tuple[Cost, float]:
    """What training networks of some widths costs, a program each, compiled already; and seconds to compile them."""
    _, train, steps = split(len(x), schedule)
    size, rng = len(train) // steps, np.random.default_rng(0)
    rows = np.concatenate([rng.permutation(train)[: steps * size].reshape(steps, size) for _ in range(epochs)])
    programs = [fused_adam(each, (x[rows], y[rows]), schedule.learning_rate) for each in widths]
    start = time.perf_counter()
    for program in programs:
        program()
    first = time.perf_counter() - start
    done = both(lambda: [program() for program in programs], 1)
    return done, first - done.wall


def split(n: int, schedule: Schedule) -> tuple[np.ndarray, np.ndarray, int]:
    """Validation rows, training rows and batches per epoch, as many as ours."""
    held = max(2, round(schedule.validation * n))
    order = np.random.default_rng(1).permutation(n)
    return order[:held], order[held:], max(1, round((n - held) / schedule.batch))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--sample", type=int, default=6, help="networks trained one after the other")
    given = parser.parse_args()
    source = load_table("volume_per_atom")
    raw = compute(source.compositions)[: given.rows]
    x = np.asarray(standardise(fit_scaling(raw), raw), np.float32)
    y = source.y[: len(x), None]
    y = ((y - y.mean()) / y.std()).astype(np.float32)
    # No early stopping: never so many epochs without a better loss.
    schedule = Schedule(max_epochs=given.epochs, patience=given.epochs + 1, row_visits=given.epochs * len(x))

    start = time.perf_counter()
    trained = pretrain(0, x, y.astype(np.float64), networks=given.networks, schedule=schedule)
    ours = time.perf_counter() - start
    compiled = both(lambda: pretrain(0, x, y.astype(np.float64), networks=given.networks, schedule=schedule), 1)
    again = compiled.wall
    if {network.epochs for network in trained} != {given.epochs}:
        raise SystemExit("a network did not train for all epochs")

    try:
        import torch

        name, training = f"torch {torch.__version__}", torch_training
    except ImportError:
        print("torch: not installed; the sequential side is flax")
        name, training = "flax", flax_training
    chosen = np.linspace(0, given.networks - 1, given.sample).astype(int)
    training(trained[0].widths, x, y, 1, schedule)  # what is loaded and started once, not per network
    losses, start = [], time.perf_counter()
    for i in chosen:
        losses.append(training(trained[i].widths, x, y, given.epochs, schedule))
    measured = time.perf_counter() - start
    theirs = measured * given.networks / len(chosen)
    print(f"{given.networks} networks, {len(x):,} rows, {given.epochs} epochs; {len(chosen)} of them one by one")
    r2 = np.median([trained[i].validation_r2[0] for i in chosen])
    print(f"validation R2, median: ours {r2:.2f}, theirs {1 - np.median(losses):.2f} (other rows held out)")
    profile("ours", {"compilation": max(ours - again, 0.0), "training": min(again, ours)})
    fused, first = fused_training([trained[i].widths for i in chosen], x, y, given.epochs, schedule)
    fused = Cost(*(seconds * given.networks / len(chosen) for seconds in fused))
    print(f"fused Adam: {first / len(chosen):.1f} s to compile a network, {fused.wall:.1f} s for all, compiled")
    wall, processor = compiled.times(fused)
    all_of = f"{given.networks} networks, {len(x):,} rows, {given.epochs} epochs"
    what = f"{all_of}, {name} one by one"
    conclude(
        Ratio(
            f"{all_of}, fused Adam (optax) one by one, both compiled already",
            f"{again:.1f} s",
            f"{fused.wall:.1f} s",
            wall,
            processor=processor,
        ),
        Ratio(f"{what}, compilation included", f"{ours:.1f} s", f"{theirs:.1f} s", theirs / ours),
        Ratio(f"{what}, compiled already", f"{again:.1f} s", f"{theirs:.1f} s", theirs / again),
    )


if __name__ == "__main__":
    main()
