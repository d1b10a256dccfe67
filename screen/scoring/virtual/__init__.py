"""Virtual."""
