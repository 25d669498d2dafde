"""The phases of a search, one file each.

A phase is idempotent: it leaves its result in the folder of the search, and a restarted search goes on at the
first unfinished one.
"""
