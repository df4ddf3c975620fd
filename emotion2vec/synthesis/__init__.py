"""A SYNTHETIC emotional speech corpus, so that everything can be tried without any data.

In: nothing but a seed. Out: `DIR/<emotion>/<speaker>_<n>.wav`, which the `folder` corpus prepares like any other.
Nobody should read a score on it as a statement about human emotion.
"""
