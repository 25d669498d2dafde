"""Training of supernets and of single networks: recipes, steps, checkpoints, batch-norm statistics.

Start at `nas.training.trainer.train`.
"""
