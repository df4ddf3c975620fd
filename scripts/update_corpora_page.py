#!/usr/bin/env python3
"""Write the catalogue of docs/corpora.md from the cards: `make docs`."""

from pathlib import Path

from emotion2vec.corpora.catalogue import update_page

if __name__ == "__main__":
    docs = Path(__file__).resolve().parents[1] / "docs"
    update_page(docs / "corpora.md", docs / "corpora_found.json")
