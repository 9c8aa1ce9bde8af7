"""The test whether a function of numbers also works on whole arrays.

A function in *array style* has no branch on its arguments: it uses ``np.where``, ``np.maximum``, ``np.exp`` and similar
functions, so batch descent calls it on arrays of scores. A function in *scalar style* (``if``, ``math``) is compiled and called
for each element.
"""

import numpy as np


def runs_on_arrays(function, *arrays):
    """Whether `function` returns the same for `arrays` as for each of their entries.

    Parameters
    ----------
    function : callable
        Takes as many numbers as there are `arrays`; returns a number or a tuple of numbers.
    *arrays : ndarray, (n,)
        Test values; the function is called with entry i of each array.

    Returns
    -------
    bool
        False if the function raises on arrays or on numbers, writes into an array, or returns another result for any entry.
    """
    with np.errstate(all="ignore"):
        try:
            together = function(*[_read_only(each) for each in arrays])
            one_by_one = [function(*[each[i].item() for each in arrays]) for i in range(len(arrays[0]))]
        except Exception:  # a function of numbers may raise anything on an array
            return False
    if not isinstance(together, tuple):
        together, one_by_one = (together,), [(each,) for each in one_by_one]
    expected = np.array(one_by_one, dtype=np.float64).T
    if len(together) != len(expected):
        return False
    return all(
        np.shape(found) in ((), want.shape) and np.allclose(found, want, rtol=1e-9, atol=1e-12, equal_nan=True)
        for found, want in zip(together, expected, strict=True)
    )


def _read_only(array):
    """A read-only copy, because ``w *= 2`` makes a new number, but changes an array in place."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy
