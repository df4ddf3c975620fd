"""Reproduction of the paper's tables and figures: their cells, run and set beside its numbers."""
