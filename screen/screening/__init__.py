"""Screening runs: configuration, inputs, record, ranking and export."""
