"""Upstreams to compare emotion2vec with: other pre-trained models, and descriptors without any learning."""
