"""Exported files: written by our own small exporter, checked against torch, scored, delivered with a card.

`onnx` and `verify` need torch; `classifier`, `metadata` and `bundle` do not.
"""
