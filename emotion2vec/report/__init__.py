"""Results and training logs to one HTML page, and to pictures of what the probe has learned."""
