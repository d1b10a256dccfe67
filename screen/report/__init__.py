"""The self-contained HTML report of a finished run."""
