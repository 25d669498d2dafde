"""The phases of a search, one file each.

A phase is idempotent: it leaves its result in the store, and a search that was killed goes on at the
first unfinished one.
"""
