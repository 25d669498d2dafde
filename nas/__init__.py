"""The search itself: data, training, evaluation, accuracy prediction, strategies, Pareto fronts, export.

Imports `search_spaces` and `latency_predictors`; is imported by `workers` and `api`.
"""
