"""The compiled loops, and the only place that knows dense rows from sparse ones.

rows              the design matrix: scores of rows and the gradient's sum over rows, once for dense arrays and once for CSR
blocks            the user's and our own leaves, each turned into a function of a whole block of rows or coefficients
epochs            one pass of descent over the rows, and the objective's value and gradient over all of them
variance_reduced  one pass of SVRG or SAGA over the rows
"""
