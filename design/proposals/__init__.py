"""Priors over repeat units, and moves on them."""
