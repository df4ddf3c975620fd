"""Entry for `torch.hub.load(REPOSITORY, "emotion2vec_local", ckpt=CHECKPOINT)`: our encoder as an upstream of s3prl."""

from emotion2vec.export.s3prl import emotion2vec_local

__all__ = ["dependencies", "emotion2vec_local"]

dependencies = ["numpy", "safetensors", "soundfile", "torch"]
