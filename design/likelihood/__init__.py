"""Probability that a repeat unit meets the goals."""
