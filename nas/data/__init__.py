"""Data sets as numpy arrays: where images come from, how they are split and resized, what is wrong with them.

Never imports torch; start at `nas.data.catalogue.open_dataset`.
"""
