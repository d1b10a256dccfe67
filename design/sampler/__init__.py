"""Samplers of the posterior over repeat units."""
