"""What a network costs on a device: measured tables, corrected sums, intervals.

Needs numpy, scipy, pydantic and a runtime; never torch, so that it runs on a small board.
"""
