"""What is known: elements, formulas, property tables, candidate catalogues, files on disk."""
