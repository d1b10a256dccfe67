"""Molecules and polymers: SMILES, keys of repeat units, building blocks."""
