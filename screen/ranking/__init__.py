"""Ranking of scored candidates: order, filters, limits and sorting on disk."""
