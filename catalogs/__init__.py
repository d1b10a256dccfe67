"""Data in: elements, formulas, molecules, crystals, property tables, candidate catalogues, files on disk."""
