"""Evaluation of transfer against models without it."""
