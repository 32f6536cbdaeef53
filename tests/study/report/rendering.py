"""Plots are seen to be drawn without an error only when they are rendered."""

from io import BytesIO

from matplotlib.figure import Figure


def drawn(figure: Figure) -> Figure:
    """The figure, after it was rendered: layout and labels raise their errors only then."""
    figure.savefig(BytesIO(), format="png", dpi=50)
    return figure
