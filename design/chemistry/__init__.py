"""Monomers, building blocks, polymerisations, and checks of repeat units."""
