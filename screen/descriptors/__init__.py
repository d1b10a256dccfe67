"""Descriptors of materials, as arrays."""
