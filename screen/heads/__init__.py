"""Heads: small models from features to the target."""
