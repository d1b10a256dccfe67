"""Heads: small models from frozen features to the target property."""
