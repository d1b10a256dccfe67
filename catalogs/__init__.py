"""Data in: materials, formulas, property tables, catalogues, files."""
