"""Run folders and results at URLs."""
