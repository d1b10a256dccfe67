"""Polymer."""
