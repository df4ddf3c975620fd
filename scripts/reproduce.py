#!/usr/bin/env python3
"""Run `emotion2vec reproduce`."""

from emotion2vec.cli.main import script_main

if __name__ == "__main__":
    script_main("reproduce")
