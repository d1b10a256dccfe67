"""Next experiments: batches by acquisition function, and simulated campaigns."""
