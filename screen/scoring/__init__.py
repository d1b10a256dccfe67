"""Scoring of candidates with a transferred model, partition by partition."""
