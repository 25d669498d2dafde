"""Figures of the dashboard, built in Python: plotly's `data` and `layout`, and the same drawn as SVG."""
