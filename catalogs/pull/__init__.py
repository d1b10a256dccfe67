"""Pulling catalogues from public services."""
