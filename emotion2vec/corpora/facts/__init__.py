"""Facts that a protocol needs and that not every copy of a release holds: official folds, labels of segments.

In: nothing. Out: files for the parsers; no code. `cmu_mosei_folds.json` and `cmu_mosi_folds.json`: split -> videos, as
the authors' SDK lists them. `cmu_mosei_labels.tsv.gz`: start and end in seconds and the sentiment, as a whole number
from -3 to 3, of each labelled segment (`CMU_MOSEI_Labels.csd`, rounded away from zero as its authors say).
"""
