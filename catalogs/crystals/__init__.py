"""Crystals."""
