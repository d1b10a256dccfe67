"""Design runs: configuration, inputs, models, sampling, proposals, record."""
