r"""ONNX converters for the two estimators, registered with skl2onnx when this module is imported.

After ``import sklearn_gd.onnx``, ``skl2onnx.to_onnx`` converts `GDRegressor` and `GDClassifier`, alone or as a step of a
Pipeline. The module requires the packages onnx and skl2onnx, which ``pip install "sklearn-gd[integrations]"`` installs.

The graph computes :math:`raw = X W^\top + b` and then applies the link function of the loss: `inverse_link` in regression,
`probability` in classification. The second output of a classifier has one column per class. The columns are probabilities; if
the loss does not define them, or with the option ``raw_scores``, they are raw scores (with two classes, minus the score and the
score). Labels are strings or int64; booleans become 0 and 1.

By default the graph computes in double precision and casts the result to the type of the input, so that features with large
offsets lose no precision. The option ``double=False`` computes in single precision, for runtimes without double precision.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

try:
    from onnx import TensorProto
    from skl2onnx import update_registered_converter
    from skl2onnx.algebra.onnx_ops import (
        OnnxAdd,
        OnnxArgMax,
        OnnxCast,
        OnnxClip,
        OnnxConcat,
        OnnxDiv,
        OnnxExp,
        OnnxGather,
        OnnxGreater,
        OnnxIdentity,
        OnnxMatMul,
        OnnxMul,
        OnnxNeg,
        OnnxReshape,
        OnnxSigmoid,
        OnnxSoftmax,
        OnnxSub,
        OnnxWhere,
    )
    from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType, StringTensorType
    from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes
except ImportError as _error:  # one line on what to install, instead of the name of a module that the user never typed
    raise ImportError('sklearn_gd.onnx requires onnx and skl2onnx: pip install "sklearn-gd[integrations]"') from _error

from .estimators import GDClassifier, GDRegressor
from .losses import Exponential, LogLinkLoss, LogLoss, ModifiedHuber, RegressionLoss

__all__ = ["LINKS", "register"]


class Graph:
    """Creates the nodes of one graph; final.

    Parameters
    ----------
    opset : int
        The version of the operators.
    dtype : {np.float64, np.float32}
        The precision of all constants.
    """

    def __init__(self, opset: int, dtype: type) -> None:
        self.opset = opset
        self.dtype = dtype

    def __call__(self, operator: Callable[..., Any], *inputs: Any, **attributes: Any) -> Any:
        """Create a node; floats and arrays of floats among the inputs become constants in the precision of the graph.

        Parameters
        ----------
        operator : class
            An operator of ``skl2onnx.algebra.onnx_ops``.
        *inputs : node, float or ndarray
            The inputs of the operator.
        **attributes : object
            The attributes of the operator.

        Returns
        -------
        node
            The node.
        """
        return operator(*map(self._constant, inputs), op_version=self.opset, **attributes)

    def _constant(self, value):
        """A float as an array, or an array of floats in the graph's precision; other objects are returned as they are."""
        if isinstance(value, (float, np.ndarray)) and np.asarray(value).dtype.kind == "f":
            return np.atleast_1d(np.asarray(value, dtype=self.dtype))
        return value


# --- links: from raw scores, (n_samples, n_scores), to the results of predict or predict_proba --------------------------


def _identity(graph, loss, raw, n_scores):
    return raw


def _exponential(graph, loss, raw, n_scores):
    return graph(OnnxExp, raw)


def _logistic(graph, loss, raw, n_scores):
    """Sigmoid of one score, softmax of several."""
    return graph(OnnxSigmoid, raw) if n_scores == 1 else graph(OnnxSoftmax, raw, axis=1)


def _clipped(graph, loss, raw, n_scores):
    """The score clipped to [-1, 1], on the scale of a probability."""
    clipped = graph(OnnxClip, raw, graph.dtype(-1.0), graph.dtype(1.0))
    return _shares(graph, graph(OnnxDiv, graph(OnnxAdd, clipped, 1.0), 2.0), n_scores)


def _sigmoid_of_twice(graph, loss, raw, n_scores):
    return _shares(graph, graph(OnnxSigmoid, graph(OnnxMul, raw, 2.0)), n_scores)


def _shares(graph, scores, n_scores):
    """Scores of several classes, normalised to a sum of one; equal probabilities if all are zero."""
    if n_scores == 1:
        return scores
    # A product with ones, as the signature of the sum operator depends on its version.
    total = graph(OnnxMatMul, scores, np.ones((n_scores, 1)))
    positive = graph(OnnxGreater, total, 0.0)
    share = graph(OnnxDiv, scores, graph(OnnxWhere, positive, total, 1.0))
    return graph(OnnxWhere, positive, share, np.full((1, n_scores), 1.0 / n_scores))


#: The ONNX graph of each link function. Keys are the functions that a loss defines or inherits (`inverse_link`, `probability`).
#: Values are functions of (graph, loss, raw, n_scores) that return the node of the predictions or of the probabilities (with one
#: score, the probability of the second class; otherwise that of each class). ``graph(OnnxExp, raw)`` creates a node. Add an entry
#: for the link function of a custom loss.
LINKS: dict[Callable[..., Any], Callable[..., Any]] = {
    RegressionLoss.inverse_link: _identity,
    LogLinkLoss.inverse_link: _exponential,
    LogLoss.probability: _logistic,
    ModifiedHuber.probability: _clipped,
    Exponential.probability: _sigmoid_of_twice,
}


def _link(loss, name):
    """Return the graph of the link function `name` of a loss; raise an error that explains how to add it if it is unknown."""
    function = getattr(type(loss), name)
    if function not in LINKS:
        raise NotImplementedError(
            f"sklearn_gd.onnx cannot convert the {name} that {loss!r} defines: set "
            f"sklearn_gd.onnx.LINKS[{type(loss).__name__}.{name}] to a function of (graph, loss, raw, n_scores)"
        )
    return LINKS[function]


# --- converters -----------------------------------------------------------------------------------------------------------


def _scores(operator, container):
    """The graph, the node of the raw scores and their number."""
    model, X = operator.raw_operator, operator.inputs[0]
    double = container.get_options(model, {"double": True}).get("double", True)
    dtype, proto = (np.float64, TensorProto.DOUBLE) if double else (np.float32, TensorProto.FLOAT)
    graph = Graph(container.target_opset, dtype)
    coef = np.atleast_2d(model.coef_)
    product = graph(OnnxMatMul, graph(OnnxCast, X, to=proto), np.ascontiguousarray(coef.T))
    return graph, graph(OnnxAdd, product, np.broadcast_to(model.intercept_, (len(coef),)).copy()), len(coef)


def _output(graph, node, variable):
    """Cast a node to the type of an output variable and give it its name."""
    proto = TensorProto.DOUBLE if isinstance(variable.type, DoubleTensorType) else TensorProto.FLOAT
    return graph(OnnxCast, node, to=proto, output_names=[variable])


def _convert_regressor(scope, operator, container):
    """The converter of `GDRegressor`."""
    graph, raw, n_scores = _scores(operator, container)
    loss = operator.raw_operator.loss_
    prediction = _link(loss, "inverse_link")(graph, loss, raw, n_scores)
    _output(graph, prediction, operator.outputs[0]).add_to(scope, container)


def _convert_classifier(scope, operator, container):
    """The converter of `GDClassifier`."""
    model = operator.raw_operator
    graph, raw, n_scores = _scores(operator, container)
    loss, two = model.loss_, n_scores == 1
    options = container.get_options(model, {"raw_scores": False, "nocl": False})
    # 1. the label: as in `GDClassifier.predict`
    if two:
        code = graph(OnnxReshape, graph(OnnxCast, graph(OnnxGreater, raw, 0.0), to=TensorProto.INT64), np.array([-1]))
    else:
        code = graph(OnnxArgMax, raw, axis=1, keepdims=0)
    labels = np.arange(len(model.classes_)) if options.get("nocl") else _labels(model)
    graph(OnnxGather, labels, code, output_names=[operator.outputs[0]]).add_to(scope, container)
    # 2. one column for each class
    if options.get("raw_scores") or not hasattr(loss, "probability"):
        columns = graph(OnnxConcat, graph(OnnxNeg, raw), raw, axis=1) if two else raw
    else:
        columns = _link(loss, "probability")(graph, loss, raw, n_scores)
        columns = graph(OnnxConcat, graph(OnnxSub, 1.0, columns), columns, axis=1) if two else graph(OnnxIdentity, columns)
    _output(graph, columns, operator.outputs[1]).add_to(scope, container)


def _labels(model):
    """The labels in a type of ONNX: strings, or int64."""
    classes = model.classes_
    if len(classes) < 2:
        raise ValueError(f"the model has only one class, {classes.tolist()!r}: ONNX requires at least two")
    if classes.dtype.kind in "OUST":
        return np.array([str(each) for each in classes])
    whole = classes.astype(np.int64)
    if not np.array_equal(whole, classes):
        raise ValueError(f"classes_={classes.tolist()!r} must be strings or integers: ONNX supports no other labels")
    return whole


def _classifier_shapes(operator):
    """Set the types and shapes of label and columns."""
    model, n = operator.raw_operator, operator.inputs[0].get_first_dimension()
    labels = np.arange(2) if operator.scope_inst.get_options(model, {"nocl": False}).get("nocl") else _labels(model)
    operator.outputs[0].set_type((StringTensorType if labels.dtype.kind == "U" else Int64TensorType)([n]))
    operator.outputs[1].type.shape = [n, len(model.classes_)]


def register() -> None:
    """Register the converters of both estimators with skl2onnx; importing this module calls this function."""
    double = {"double": [True, False]}
    update_registered_converter(
        GDRegressor, "SklearnGDRegressor", calculate_linear_regressor_output_shapes, _convert_regressor, options=double
    )
    update_registered_converter(
        GDClassifier,
        "SklearnGDClassifier",
        _classifier_shapes,
        _convert_classifier,
        options=double
        | {
            "zipmap": [True, False, "columns"],
            "nocl": [True, False],
            "output_class_labels": [False, True],
            "raw_scores": [True, False],
        },
    )


register()
