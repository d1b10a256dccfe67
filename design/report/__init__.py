"""The self-contained HTML report of a finished design run."""
