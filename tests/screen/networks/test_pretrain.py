"""Pre-training: padding, masks, seeds and threads change what they may change and nothing else."""

import hashlib
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kakehashi.screen.networks import pretrain as module
from kakehashi.screen.networks.pretrain import Schedule, pretrain
from kakehashi.screen.networks.pyramid import Pyramid, activations, initial_params, outputs, pad_params

SHORT = Schedule(batch=32, max_epochs=4)


def data(n=120, p=12, tasks=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)).astype(np.float32)
    y = np.stack([np.tanh(x[:, t]) * x[:, t + 1] + x[:, t + 2] for t in range(tasks)], axis=1).astype(np.float64)
    return x, y / y.std(axis=0)


def digest(networks):
    h = hashlib.sha256()
    for network in networks:
        for layer in (*network.hidden, network.output):
            h.update(layer.kernel.tobytes())
            h.update(layer.bias.tobytes())
        h.update(np.asarray([*network.validation_r2, network.epochs]).tobytes())
    return h.hexdigest()


def predict(network, x):
    return outputs(network, activations(network.hidden, x)[1][-1])


def test_same_seed_same_bytes_another_seed_others():
    x, y = data()
    runs = [pretrain(seed, x, y, networks=3, hidden_layers=(3,), schedule=SHORT) for seed in (0, 0, 1)]
    assert digest(runs[0]) == digest(runs[1]) != digest(runs[2])
    assert len({network.widths for network in runs[0]}) == 3


def test_one_thread_or_many(monkeypatch):
    x, y = data()
    many = pretrain(0, x, y, networks=4, hidden_layers=(3,), schedule=SHORT)
    monkeypatch.setattr("kakehashi.screen.pools.available", lambda: 1)
    assert digest(pretrain(0, x, y, networks=4, hidden_layers=(3,), schedule=SHORT)) == digest(many)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no processor affinity on this system")
def test_one_processor_or_many(root):
    # 500 rows of 290: large enough for XLA to split its products over threads.
    script = """
import os
if {one}: os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
import hashlib, numpy as np
from kakehashi.screen.networks.pretrain import Schedule, pretrain
rng = np.random.default_rng(0)
x = rng.normal(size=(500, 290)).astype(np.float32)
networks = pretrain(0, x, x[:, :1] * x[:, 1:2], networks=2, hidden_layers=(3,), schedule=Schedule(max_epochs=5))
h = hashlib.sha256()
for n in networks:
    for layer in (*n.hidden, n.output): h.update(layer.kernel.tobytes())
print(h.hexdigest())
"""
    seen = [
        subprocess.run(
            [sys.executable, "-c", script.format(one=one)], capture_output=True, text=True, check=True, cwd=root
        ).stdout
        for one in (True, False)
    ]
    assert seen[0] == seen[1] != ""


def test_a_network_alone_or_in_a_wider_group():
    x, y = data(p=40)
    alone = pretrain(0, x, y, networks=1, hidden_layers=(3,), schedule=SHORT)[0]
    group = pretrain(0, x, y, networks=6, hidden_layers=(3,), schedule=SHORT)
    assert max(network.widths for network in group) > alone.widths == group[0].widths
    assert alone.epochs == group[0].epochs
    for one, other in zip((*alone.hidden, alone.output), (*group[0].hidden, group[0].output), strict=True):
        np.testing.assert_allclose(one.kernel, other.kernel, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(predict(alone, x), predict(group[0], x), rtol=1e-3, atol=1e-4)


def test_padded_weights_stay_zero():
    x, y = data()
    widths, wide = (7, 5, 3), (10, 5, 8)
    start = initial_params(np.random.default_rng(0), widths, 12, 1)
    program = module._program(wide, 1, 16, 6, 5, Schedule())
    arrays = (jnp.asarray(x), jnp.asarray(y, jnp.float32), jnp.ones((120, 1)))
    trained = jax.tree.map(
        np.asarray,
        program(pad_params(start, widths, wide), jax.random.key(0), *arrays, np.arange(100), np.arange(100, 120))[0],
    )
    n_in = 12
    for i, (width, padded) in enumerate(zip(widths, wide, strict=True)):
        kernel, bias = trained[f"hidden_{i}"]["kernel"], trained[f"hidden_{i}"]["bias"]
        assert kernel.shape[1] == padded
        assert not kernel[:, width:].any()
        assert not kernel[n_in:].any()
        assert not bias[width:].any()
        assert (kernel[:n_in, :width] != start[f"hidden_{i}"]["kernel"]).mean() > 0.9
        n_in = width
    assert not trained["output"]["kernel"][3:].any()


def test_masked_targets_have_no_influence():
    x, y = data(tasks=2)
    mask = np.ones(y.shape, bool)
    mask[np.random.default_rng(1).choice(120, 50, replace=False), 1] = False
    runs = []
    for hidden in (0.0, 1e6, np.nan):
        filled = np.where(mask, y, hidden)
        runs.append(digest(pretrain(0, x, filled, mask, networks=2, hidden_layers=(3,), schedule=SHORT)))
    assert runs[0] == runs[1] == runs[2]
    known = y.copy()
    known[np.flatnonzero(mask[:, 1])[0], 1] += 1.0
    assert digest(pretrain(0, x, known, mask, networks=2, hidden_layers=(3,), schedule=SHORT)) != runs[0]


def test_two_tasks_are_both_learned():
    x, y = data(n=400, tasks=2)
    mask = np.ones(y.shape, bool)
    mask[::2, 1] = False
    (network,) = pretrain(0, x, y, mask, networks=1, hidden_layers=(3,), ratios=(2.0, 3.0), schedule=Schedule(batch=32))
    assert network.output.kernel.shape[1] == 2
    assert network.validation_r2.shape == (2,)
    assert (network.validation_r2 > 0.6).all()


def test_early_stopping_returns_the_best_epoch():
    # Pure noise: the validation error soon rises. The same training, one epoch at a time.
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 6)).astype(np.float32), rng.normal(size=(60, 1)).astype(np.float32)
    w, train, held = np.ones((60, 1), np.float32), np.arange(45), np.arange(45, 60)
    widths, epochs, steps, batch = (16, 8), 40, 3, 15
    schedule = Schedule(learning_rate=1e-2, patience=6)
    start = initial_params(rng, widths, 6, 1)
    key = jax.random.key(7)
    best, used, fitted = module._program(widths, 1, batch, steps, epochs, schedule)(
        start, key, *map(jnp.asarray, (x, y, w)), train, held
    )

    x, y = jnp.asarray(x), jnp.asarray(y)
    network, optimiser = Pyramid(widths), optax.adam(optax.cosine_decay_schedule(1e-2, epochs * steps))
    loss = lambda p, rows: jnp.mean((network.apply({"params": p}, x[rows]) - y[rows]) ** 2)
    step = jax.jit(jax.grad(loss))
    params, state, errors, history = start, optimiser.init(start), [], []
    for epoch in range(epochs):
        order = np.asarray(jax.random.permutation(jax.random.fold_in(key, epoch), jnp.asarray(train)))
        for rows in order.reshape(steps, batch):
            updates, state = optimiser.update(step(params, rows), state)
            params = optax.apply_updates(params, updates)
        errors.append(float(loss(params, held)))
        history.append(params)
        if epoch - int(np.argmin(errors)) >= schedule.patience:
            break
    expected = int(np.argmin(errors))
    assert 0 < expected < epochs - schedule.patience - 1, "the noise does not test stopping"
    assert int(used) == expected + schedule.patience + 1 == len(errors)
    for name in start:
        np.testing.assert_allclose(best[name]["kernel"], history[expected][name]["kernel"], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(fitted, network.apply({"params": history[expected]}, x[held]), rtol=1e-3, atol=1e-4)


def test_a_small_network_learns_a_simple_function():
    x, y = data(n=500, p=6)
    schedule = Schedule(batch=32, patience=200)
    (network,) = pretrain(0, x, y, networks=1, hidden_layers=(3,), ratios=(3.0, 4.0), schedule=schedule)
    fit = 1 - np.mean((predict(network, x) - y) ** 2) / np.var(y)
    assert fit > 0.98
    assert 0.9 < network.validation_r2[0] <= 1


def test_validation_rows_are_not_trained_on():
    # A target that is noise cannot be predicted where it was not seen.
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 10)).astype(np.float32), rng.normal(size=(100, 1))
    schedule = Schedule(batch=16, max_epochs=100, patience=100)
    for network in pretrain(0, x, y, networks=3, hidden_layers=(3,), ratios=(3.0, 4.0), schedule=schedule):
        assert network.validation_r2[0] < 0.5


def test_the_budget_bounds_the_epochs():
    x, y = data()
    schedule = Schedule(batch=32, row_visits=108 * 7, patience=100)
    assert pretrain(0, x, y, networks=1, hidden_layers=(3,), schedule=schedule)[0].epochs == 7


def test_progress_counts_networks():
    x, y = data()
    seen = []
    pretrain(0, x, y, networks=3, hidden_layers=(3,), schedule=SHORT, progress=seen.append)
    assert seen == [1, 1, 1]


def test_refusals():
    x, y = data()
    with pytest.raises(ValueError, match="at least 20"):
        pretrain(0, x[:19], y[:19], networks=1)
    with pytest.raises(ValueError, match="shape"):
        pretrain(0, x, y[:, 0], networks=1)
    with pytest.raises(ValueError, match="shape"):
        pretrain(0, x, y, np.ones((120, 2), bool), networks=1)


def test_hidden_inputs_are_never_seen():
    x, y = data(n=60, tasks=1)
    visible = np.arange(x.shape[1]) % 2 == 0
    for drawn in (None, (3, 4)):
        for network in pretrain(0, x, y, networks=2, schedule=SHORT, drawn_inputs=drawn, eligible=visible):
            used = np.abs(network.hidden[0].kernel).max(axis=1) > 0
            assert used.any()
            assert not used[~visible].any()
