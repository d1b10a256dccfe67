"""Molecules and polymers: SMILES, repeat units and their keys, building blocks of polymers."""
