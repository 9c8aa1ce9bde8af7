"""Contexts that belong to the process, such as the number of threads of BLAS, for fits that may run at the same time."""

import threading


class Shared:
    """A context entered by the first of simultaneous users, and left after the last.

    Each of them would otherwise restore the state in which it found the process, which may be that of another one.

    Parameters
    ----------
    make : callable
        Returns the context manager.
    """

    def __init__(self, make):
        self.make, self.lock, self.users = make, threading.Lock(), 0
        self.context, self.value = None, None

    def __enter__(self):
        with self.lock:
            if not self.users:
                self.context = self.make()
                self.value = self.context.__enter__()
            self.users += 1
        return self.value

    def __exit__(self, *_):
        with self.lock:
            self.users -= 1
            if not self.users:
                context, self.context, self.value = self.context, None, None
                context.__exit__(None, None, None)
