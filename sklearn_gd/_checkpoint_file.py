"""The file format of checkpoints: NumPy arrays, and a JSON text that describes their structure. Reading it executes no code."""

import json
import os
import zipfile

import numpy as np

TEXT = "tree"  # the name of the text among the arrays of the file


def write(path, tree):
    """Atomically replace the file by a tree of dictionaries, lists, arrays, numbers, strings and None.

    The tree is written to a temporary file in the same folder, ``path`` with ".tmp" appended, which is then renamed.

    Parameters
    ----------
    path : str
        The file.
    tree : dict
        The tree; the keys are strings.
    """
    arrays = {}

    def as_json(value):
        if isinstance(value, np.ndarray):
            name = f"array_{len(arrays)}"
            arrays[name] = value
            return {"array": name}
        return value.item()

    text = json.dumps(tree, default=as_json)
    temporary = path + ".tmp"
    with open(temporary, "wb") as file:
        np.savez(file, **{TEXT: np.frombuffer(text.encode(), dtype=np.uint8)}, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    if hasattr(os, "O_DIRECTORY"):
        # Write the folder too, so that the new name is on disk.
        folder = os.open(os.path.dirname(path), os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(path):
    """Read a tree that `write` has written.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    dict
        The tree.

    Raises
    ------
    ValueError
        If the file was not written by `write`.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return json.loads(
                arrays[TEXT].tobytes().decode(),
                object_hook=lambda each: arrays[each["array"]] if each.keys() == {"array"} else each,
            )
    except (ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a checkpoint, or is damaged ({error}): delete it, or use another path") from error
