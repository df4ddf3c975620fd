"""Writing a model for other programs: model hub, FunASR, fairseq, ONNX runtimes, s3prl."""
