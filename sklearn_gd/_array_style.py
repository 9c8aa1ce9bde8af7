"""Which functions of numbers also work on whole arrays.

A function in *array style* has no branch on its arguments: it uses ``np.where``, ``np.maximum``, ``np.exp`` and the like, and so
serves arrays of scores in batch descent as it stands. A function in *scalar style* (``if``, ``math``) is compiled and called
element by element.
"""

import warnings

import numpy as np


def runs_on_arrays(function, *arrays):
    """Whether `function` gives for `arrays` what it gives for their entries, one after the other.

    Parameters
    ----------
    function : callable
        Takes as many numbers as there are `arrays`; returns a number or a tuple of numbers.
    *arrays : ndarray, (n,)
        Values to try, entry i of each together.

    Returns
    -------
    bool
        False where the function raises on arrays or on numbers, writes into an array, or gives another result for any entry.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
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
    """A copy that cannot be written to: ``w *= 2`` makes a new number, but changes an array that others hold."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy
