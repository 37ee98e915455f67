"""ONNX files: written whole or with external data, constants folded."""
