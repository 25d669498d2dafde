"""Layers, static networks and supernets in torch.

The only folder of this package that imports torch.
"""
