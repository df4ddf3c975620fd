"""Measurements of time and memory, and synthetic stand-ins for the corpora that nobody may pass on."""
