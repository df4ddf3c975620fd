"""Audio files and arrays -> mono float32 speech at 16 kHz."""
