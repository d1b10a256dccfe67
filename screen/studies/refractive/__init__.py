"""Refractive."""
