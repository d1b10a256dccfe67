"""Catalogues of candidates, read in batches."""
