"""The compiled loops over single samples and batches, dense and CSR.

rows              the design matrix, dense or CSR: scores of some samples, and their part in a gradient
blocks            the functions of a loss, penalty or optimizer, each made a function of a block of samples or coefficients
passes            one pass of explicit steps on batches
plain             plain descent by explicit steps, a sample at a time
proximal          one pass of implicit (proximal) steps, a sample at a time
row_steps         what such a step does to its sample
variance_reduced  one pass of SVRG or SAGA
implicit          the equation of an implicit step, for one score and for coupled scores
elementwise       a loss's leaves as functions of whole arrays of scores, for those that are written for numbers only
scalars           what NumPy's functions of numbers are in compiled code
intrinsics        instructions that Python has no words for
"""

from . import scalars as scalars  # before the first leaf is compiled
