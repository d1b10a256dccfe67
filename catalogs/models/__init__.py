"""The library of trained models: entries, index and archives."""
