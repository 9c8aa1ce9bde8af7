"""Samples in blocks outside this process: on the workers of a cluster, or in a file that is read block by block.

``_engine.py`` has the protocol of an engine, and builds on its three verbs parts that survive the loss of workers.
``_blocked.py`` has the samples in the form that the objective takes. ``_dask.py`` and ``_ray.py`` have the engines; neither
library is imported before a collection of it is passed.
"""
