"""The compiled loops, and the only place that knows dense rows from sparse ones.

rows              the design matrix: scores of rows and the gradient's sum over rows, once for dense arrays and once for CSR
blocks            the user's and our own leaves, each turned into a function of a whole block of rows or coefficients
elementwise       a loss's leaves as functions of whole arrays of scores, for those that are written for numbers only
epochs            one pass of descent over the rows, and the objective's value and gradient over all of them
variance_reduced  one pass of SVRG or SAGA over the rows
proximal          one pass of proximal row steps
scalars           what NumPy's functions of numbers are in compiled code
intrinsics        instructions that Python has no words for
"""

from . import scalars as scalars  # before the first leaf is compiled
