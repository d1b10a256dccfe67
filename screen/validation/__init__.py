"""Folds, prediction intervals, their coverage, paired tests and the applicability domain."""
