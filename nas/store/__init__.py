"""Where results are kept.

A search without a database keeps them in a folder (`run_folder`).
"""
