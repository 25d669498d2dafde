"""Who runs a search: the commands that train, measure and search in this process.

Imports `nas`, `latency_predictors` and `search_spaces`; never `api`.
"""
