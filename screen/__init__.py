"""Forward: descriptors, pre-trained networks, transferred models, scores, ranking."""
