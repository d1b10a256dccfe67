"""Backward: from a wanted property to repeat units and their monomers."""
