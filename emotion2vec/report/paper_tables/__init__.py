"""The paper's Tables 2 to 11 as data, and two tables beyond it whose protocols the paper has no figures of.

In: transcribed from the paper by hand. Out: YAML files for `report/paper.py`; no code.
"""
