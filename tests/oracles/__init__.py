"""Slow, readable re-implementations of the paper's formulas; the tests compare the package with them."""
