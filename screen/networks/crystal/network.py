"""Crystal graph convolutional network (Xie & Grossman, 2018), eq. 5.

In the form of their published code.

With z = (v_i, v_j, u_ij) the features of an atom, of a neighbour and of their distance,

    v_i  <-  softplus(v_i + norm(sum_j sigmoid(norm(z W + b)_first) * softplus(norm(z W + b)_second)))

three times, then the mean over the atoms, a hidden layer with softplus before and after, and a linear output. `norm`
is batch normalisation; in use it is a fixed affine map, so that a crystal's prediction depends on itself alone. The
mean over atoms makes it a property of the crystal, whatever cell it is given in.

Differences from the published code:

- an atom starts from the 58 element features of `catalogs.elements`, standardised over the 94 elements, instead of
  92 bits of group, period and binned properties: numbers keep their order, and unseen elements are between seen ones;
- neighbours by whole shells (`neighbours`);
- z W is computed as v_i W_1 + v_j W_2 + u_ij W_3, per atom before it is taken to the edges: the same sum.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from kakehashi.catalogs.elements import feature_table
from kakehashi.screen.descriptors.neighbours import RADIUS
from kakehashi.screen.descriptors.scaling import fit_scaling, standardise

# Å: distance between the centres of the Gaussians of the expansion, and their width.
STEP = 0.2
_HIGHEST = jax.lax.Precision.HIGHEST


class Shape(NamedTuple):
    """Sizes of a network (published: 64, 3, 128).

    width : features per atom; convolutions; hidden : units after pooling
    """

    width: int = 64
    convolutions: int = 3
    hidden: int = 128


class CrystalNetwork(NamedTuple):
    """A trained network; its outputs are standardised.

    params, stats : as flax names them; weights, and the means and variances of the normalisations
    validation_r2 : (1,) on the crystals its early stopping watched; losses : of the epochs, on those
    """

    shape: Shape
    params: Mapping[str, Any]
    stats: Mapping[str, Any]
    validation_r2: NDArray[np.float64]
    losses: NDArray[np.float32]

    @property
    def epochs(self) -> int:
        """Number of training epochs."""
        return len(self.losses)

    @property
    def widths(self) -> tuple[int, ...]:
        """Sizes of pooled crystal and hidden layer, for heads."""
        return self.shape.width, self.shape.hidden


class Batch(NamedTuple):
    """Crystals in arrays of fixed sizes, the last for padding.

    C crystals, A atoms, E edges.

    elements, crystal : (A,) element of each atom, its crystal; centre, neighbour : (E,) atoms of each edge, sorted
    distance : (E,); real_atom : (A,), real_edge : (E,) float32, 1 where real, 0 in the rest
    """

    elements: Any
    crystal: Any
    centre: Any
    neighbour: Any
    distance: Any
    real_atom: Any
    real_edge: Any


class Outputs(NamedTuple):
    """Outputs for C crystals.

    pooled : (C, width); hidden : (C, hidden), before its softplus; prediction : (C, 1)
    """

    pooled: Any
    hidden: Any
    prediction: Any


def is_structural(networks: Sequence[Any]) -> bool:
    """Tell whether networks see crystal structures."""
    return any(isinstance(network, CrystalNetwork) for network in networks)


@functools.cache
def atom_features() -> NDArray[np.float32]:
    """(94, 58) element features, standardised over the elements."""
    table = feature_table()
    return np.asarray(standardise(fit_scaling(table), table), np.float32)


def centres() -> NDArray[np.float32]:
    """(41,) centres of the Gaussians in Å."""
    return np.linspace(0.0, RADIUS, round(RADIUS / STEP) + 1).astype(np.float32)


class Convolution(nn.Module):
    """One gated convolution."""

    width: int

    @nn.compact
    def __call__(self, v: jax.Array, u: jax.Array, batch: Batch, training: bool) -> jax.Array:
        """Convolve atoms v (A, width) with expanded distances u (E, 41)."""
        dense = functools.partial(nn.Dense, 2 * self.width, precision=_HIGHEST)
        own, other = dense(name="own")(v), dense(name="other", use_bias=False)(v)
        z = own[batch.centre] + other[batch.neighbour] + dense(name="distance", use_bias=False)(u)
        z = _norm("edge_norm", training)(z, mask=batch.real_edge[:, None])
        message = nn.sigmoid(z[:, : self.width]) * nn.softplus(z[:, self.width :]) * batch.real_edge[:, None]
        summed = jax.ops.segment_sum(message, batch.centre, len(v), indices_are_sorted=True)
        return nn.softplus(v + _norm("atom_norm", training)(summed, mask=batch.real_atom[:, None]))


class CrystalGraphNetwork(nn.Module):
    """The whole network with one output."""

    shape: Shape = Shape()

    @nn.compact
    def __call__(self, batch: Batch, crystals: int, training: bool = False) -> Outputs:
        """Outputs of `crystals` crystals."""
        u = jnp.exp(-(((batch.distance[:, None] - jnp.asarray(centres())[None, :]) / STEP) ** 2))
        v = nn.Dense(self.shape.width, name="embedding", precision=_HIGHEST)(
            jnp.asarray(atom_features())[batch.elements]
        )
        for i in range(self.shape.convolutions):
            v = Convolution(self.shape.width, name=f"convolution_{i}")(v, u, batch, training)
        sums = functools.partial(
            jax.ops.segment_sum, segment_ids=batch.crystal, num_segments=crystals, indices_are_sorted=True
        )
        atoms = jnp.maximum(sums(batch.real_atom), 1.0)
        pooled = sums(v * batch.real_atom[:, None]) / atoms[:, None]
        hidden = nn.Dense(self.shape.hidden, name="hidden", precision=_HIGHEST)(nn.softplus(pooled))
        return Outputs(pooled, hidden, nn.Dense(1, name="output", precision=_HIGHEST)(nn.softplus(hidden)))


def _norm(name: str, training: bool) -> nn.BatchNorm:
    return nn.BatchNorm(use_running_average=not training, momentum=0.9, epsilon=1e-5, name=name)
