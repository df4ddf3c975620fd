"""One file for each corpus: from its release on disk to utterances."""
