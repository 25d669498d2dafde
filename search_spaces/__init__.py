"""What can be built: choices, slots, layers and architectures.

Pure Python and numpy; only the folder `modules` imports torch.
"""
