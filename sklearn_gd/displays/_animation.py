"""A plot that is drawn point by point, saved as an animated GIF."""

from pathlib import Path

import numpy as np


class Animation:
    """The settings of an animation.

    Parameters
    ----------
    fps : float > 0
        Frames per second.
    dpi : float > 0
        Dots per inch.
    max_frames : int >= 2
        Maximum number of frames; with more points, some are skipped at regular intervals.
    """

    def __init__(self, fps, dpi, max_frames):
        for name, number, least in (("fps", fps, 0), ("dpi", dpi, 0), ("max_frames", max_frames, 1)):
            if not number > least:
                raise ValueError(f"{name}={number!r} must be > {least}")
        self.fps, self.dpi, self.max_frames = fps, dpi, max_frames

    def save(self, ax, draw, n_points, filename):
        """Write the file. ``draw(count)`` shows the first `count` of `n_points` points, and returns what it changed."""
        from matplotlib.animation import FuncAnimation, PillowWriter

        def frame(count):
            ax.set_title(f"step {count - 1}")
            return draw(count)

        # The layout is found once, with a title, and then stands still.
        ax.set_title("step 0")
        ax.figure.canvas.draw()
        ax.figure.set_layout_engine("none")
        shown = np.unique(np.linspace(1, n_points, min(self.max_frames, n_points)).round().astype(int))
        filename = Path(filename)
        FuncAnimation(ax.figure, frame, frames=shown.tolist()).save(filename, writer=PillowWriter(fps=self.fps), dpi=self.dpi)
        return filename
