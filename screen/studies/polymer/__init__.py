"""Study of polymers from 19 values (after Wu et al., 2019)."""
