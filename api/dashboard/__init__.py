"""The pages of the service: drawn on the server, of what the API's own functions return.

A screen is a module here with a router, a template beside the others, and a line in `screens`.
"""
