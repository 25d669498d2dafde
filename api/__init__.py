"""Who asks: the commands that read what searches and measurements have left, and deliver networks.

Imports `nas`, `latency_predictors` and `search_spaces`; never `workers`, never torch.
"""
