"""The model in pure PyTorch, one concept of the paper a file; knows neither fairseq nor audio files."""
