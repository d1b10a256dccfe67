"""Sampler."""
