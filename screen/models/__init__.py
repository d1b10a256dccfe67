"""Training and verification of networks in the library of models."""
