"""Constrained neural networks: networks that should obey a PDE, and two methods to make them.

The table of contents is the folder listing; `docs/mathematics.md` has the equations.
"""
