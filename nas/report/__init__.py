"""What a finished search looks like: figures, one offline page, and the front drawn in a terminal.

Everything here is a pure function of the documents in `nas.results`; a dashboard may call the same functions.
"""
