"""Crystal graphs: neighbours of every site, gated convolutions, training, and what pooled crystals tell heads."""
