"""Tests of the pure PyTorch model."""
