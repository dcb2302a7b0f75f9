"""Runs and representations as files that other programs read: ONNX, OpenVINO, TorchScript, and timm's folders."""
