"""Polymerisations of building blocks as a prior over repeat units."""
