"""Language models of repeat units."""
