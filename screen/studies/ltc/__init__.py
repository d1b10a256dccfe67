"""Study of lattice thermal conductivity (after Ju et al., 2021)."""
