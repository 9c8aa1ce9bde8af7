"""The compiled loops over single samples and batches, dense and CSR.

rows              the design matrix, dense or CSR: scores of some samples, and their contribution to a gradient
blocks            the functions of a loss, penalty or optimizer, applied to a block of samples or coefficients
passes            one pass of explicit steps on batches
plain             plain descent with explicit steps on single samples
stepped           any optimizer with explicit steps on single dense samples of one score
order             the shuffle of the samples
proximal          one pass of implicit (proximal) steps on single samples
row_steps         the implicit step on one sample
features          the moments of the features, for implicit steps
centring          the effect of centring on the models, for implicit steps on CSR samples
mixture           the mixture of the models of implicit steps
variance_reduced  one pass of SVRG or SAGA
implicit          the equation of an implicit step, for one score and for coupled scores
elementwise       the functions of a loss that is written for numbers only, applied to whole arrays of scores
scalars           replacements of NumPy's functions of numbers in compiled code
intrinsics        processor instructions that Python lacks
"""

from . import scalars as scalars  # before the first leaf is compiled
