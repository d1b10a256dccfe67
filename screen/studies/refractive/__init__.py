"""Study of the refractive index (after Yamada et al., 2019)."""
