"""The docstrings of the two estimators. The strings for components are taken from the registries."""

from .losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from .optimizers import OPTIMIZERS
from .penalties import PENALTIES
from .schedules import SCHEDULES
from .solvers import SOLVERS


def _strings(*names):
    """A set of strings in the notation of numpydoc."""
    return "{" + ", ".join(f'"{name}"' for name in names) + "}"


PARAMETERS = f"""\
penalty : {_strings("auto", *PENALTIES)}, Penalty or None, default="auto"
    Regularization term; None for no regularization. "auto" is ``L2(standardize="typical_size")``: the squared l2 norm of the
    coefficients, each multiplied by the typical size of its feature, standard deviation / sqrt(fraction of non-zero values), so
    that predictions do not depend on the units of the features. The other strings penalize the coefficients in the units of the
    data: F is then the objective of Ridge, LogisticRegression and ElasticNet. A string uses default parameters; pass an object
    to set them, such as ``L1(nonnegative=True)``, or a custom penalty.
alpha : float >= 0, default=1e-4
    Regularization strength: the factor that multiplies the penalty in F.
l1_ratio : float in [0, 1] or None, default=0.15
    Weight of the l1 term in ``penalty="elasticnet"``. Other penalties do not use it: for them None is allowed, and any other
    value than the default causes a warning. A penalty object has its own parameter.
fit_intercept : bool, default=True
    Whether to fit an intercept. The intercept is not regularized.
solver : {_strings("auto", *SOLVERS)} or Solver, default="auto"
    How many samples each step uses. If `optimizer` and `learning_rate` are both "auto", "auto" is batch gradient descent in
    `fit`, and stochastic gradient descent (one sample per step) in `partial_fit` and with `average`. If either is given, "auto"
    is mini-batch gradient descent with 32 samples per step. If both are "auto", "sgd" takes proximal steps on single samples,
    and "minibatch" takes Adam steps at an automatic learning rate.
optimizer : {_strings("auto", *OPTIMIZERS)} or Optimizer, default="auto"
    How a step is computed from the gradient. If `learning_rate` is "auto" too, "auto" is the memory gradient method (L-BFGS on
    large data and for non-smooth losses) in batch gradient descent and Adam in mini-batch gradient descent; otherwise it is
    plain gradient descent.
learning_rate : {_strings("auto", *SCHEDULES)}, float, callable or Schedule, default="auto"
    The learning rate. A number is a constant rate and gives the textbook update, without any internal scaling. A string
    selects a schedule with its default parameters. A callable takes the step number, 1, 2, ..., and returns the rate.
    With "auto", the memory gradient method and proximal steps need no learning rate. Any other optimizer works on centred and
    scaled features, in units of the targets, and five learning rates are tried in parallel: `fit` continues with the best one
    and lowers it when F stops decreasing; `partial_fit` keeps all five models and predicts with the one that has predicted best
    so far.
max_iter : int >= 1, default=1000
    Maximum number of epochs (passes over the samples) in `fit`, or of iterations of the memory gradient method.
tol : float >= 0 or None, default=1e-4
    `fit` stops when the last `n_iter_no_change` epochs together have lowered F by at most ``tol * min(F_null, 100 * F)``, where
    F_null is the objective of the null model (the best intercept alone), or when a bound on F minus its minimum falls below this
    limit. `tol` is relative: by default the fit stops when five epochs improve F by less than 0.01% of the null model's F, or by
    less than 1% of F if that is smaller. In classification 100 F counts as at least ``1e-4 * F_null``, because F may approach
    zero once the classes are separated. With validation samples, the same rule applies to their loss; with another `scoring`,
    `fit` stops when the score has risen by at most `tol`. With l1 or non-negative coefficients, F must also be within
    ``tol * min(F_null, 10 * F)`` of its minimum, according to the duality gap or an estimate of it. With None, `fit` runs
    `max_iter` epochs and keeps the last model, or the best one if there are validation samples.
shuffle : bool, default=True
    Whether to shuffle the samples before each epoch of `fit`. `partial_fit` takes the samples in the order given.
early_stopping : bool, default=False
    Whether to set samples aside for validation, stop when their score no longer improves, and keep the model of the best epoch.
    `scoring` defines the score. The split is stratified by class, and at least one sample of each class is kept for training.
    If `X_val` and `y_val` are given to `fit`, they are used in the same way, and no samples are set aside.
scoring : "loss", str, callable or None, default="loss"
    How validation samples are scored; higher is better. "loss" is the negated mean loss without the penalty, weighted by sample
    and class weights. Another string is the name of a scikit-learn scorer (see `sklearn.metrics.get_scorer_names`). A callable
    has the signature ``scorer(estimator, X, y)``. None uses the estimator's own `score`. A scorer also receives
    ``sample_weight=`` if the weights are not all equal.
validation_fraction : float in (0, 1), default=0.1
    Fraction of the samples that `early_stopping` sets aside.
n_iter_no_change : int >= 1, default=5
    Number of epochs without improvement after which `fit` stops. Without validation samples, stochastic and mini-batch descent
    with an automatic learning rate count at least as many epochs as have 3,000 samples, up to a quarter of `max_iter`.
"""

MORE_PARAMETERS = """\
average : bool or int >= 0, default=False
    Whether to predict with the mean of the iterates (Polyak-Ruppert averaging). With an integer, averaging starts at that step.
warm_start : bool, default=False
    Whether `fit` starts from the coefficients of the previous fit.
random_state : int, RandomState or None, default=None
    Seed or generator for shuffling and for the split of `early_stopping`.
verbose : int >= 0, default=0
    Print a line every `verbose` epochs (calls of `partial_fit`), or nothing if 0. A line contains the objective, the last
    learning rate, the norm of the gradient of the smooth part of F, the validation score if there is one, and the seconds since
    the descent began. Computing the norm takes an additional pass over the samples for each line. If a loop is compiled, a line
    says so.
"""

ATTRIBUTES = """\
n_iter_ : int
    Number of epochs of the last `fit`; each call of `partial_fit` adds one.
t_ : int
    Number of steps.
loss_curve_ : list of float
    F after each epoch of `fit`, and after each call of `partial_fit` on the samples of that call. If the first epoch diverged,
    the only entry is F of the model that was kept.
validation_scores_ : list of float
    Score of the validation samples after each epoch, as defined by `scoring`; with "loss", the negated mean loss. Exists only
    if there were validation samples.
best_iter_ : int
    The epoch whose model was kept, counted from 1; 0 if the fit diverged and no epoch's model was kept. Exists only if there
    were validation samples.
n_features_in_ : int
    Number of features seen during fit.
feature_names_in_ : ndarray of str
    Names of features seen during fit. Exists only if X has feature names that are all strings.
"""

NOTES = """\
Some methods scale and centre the features internally. The result is always the minimiser of F in the units of the data, and
it is the same for dense and CSR input. Samples of weight zero are ignored.

`set_callbacks` accepts callbacks of :mod:`sklearn.callback`: `fit` reports every epoch to them, with the model that it would
return if it stopped there, and stops if one of them requests it. `partial_fit` does not call callbacks.
"""

REGRESSOR = rf"""Linear regression trained by gradient descent.

It minimises

.. math:: F(W, b) = \frac{{\sum_i s_i\, loss(y_i, x_i W + b)}}{{\sum_i s_i}} + \alpha R(W)

by batch, stochastic or mini-batch gradient descent, where s are the sample weights and R is the penalty.

Parameters
----------
loss : {_strings(*REGRESSION_LOSSES)} or RegressionLoss, default="squared_error"
    Loss function. A string uses default parameters; pass an object to set them, such as ``Huber(delta=2.0)``, or a custom
    loss.
{PARAMETERS}{MORE_PARAMETERS}
Attributes
----------
coef_ : ndarray, (n_features,) or (n_outputs, n_features) for a 2-D y
    The coefficients.
intercept_ : ndarray, (n_outputs,)
    The intercept.
loss_ : RegressionLoss
    The loss of the last fit. Predictions use it, even if the parameter `loss` has been changed since.
{ATTRIBUTES}
See Also
--------
GDClassifier : Linear classifier trained by gradient descent.

Notes
-----
{NOTES}
Examples
--------
>>> from sklearn.datasets import load_diabetes
>>> from sklearn_gd import GDRegressor
>>> X, y = load_diabetes(return_X_y=True, scaled=False)
>>> print(round(GDRegressor().fit(X, y).score(X, y), 3))
0.518
>>> print(round(GDRegressor(loss="poisson").fit(X, y).score(X, y), 3))
0.513
"""

CLASSIFIER = rf"""Linear classifier trained by gradient descent.

It minimises

.. math:: F(W, b) = \frac{{\sum_i s_i\, loss(y_i, x_i W + b)}}{{\sum_i s_i}} + \alpha R(W)

by batch, stochastic or mini-batch gradient descent, where s are the products of sample and class weights and R is the penalty.
With two classes, the model computes one score per sample. With more classes, "log_loss" is the softmax (multinomial) loss, and
"multiclass_hinge" is the hinge loss of Weston and Watkins. The other losses are applied one-vs-rest, in one pass over the data,
and F is the sum over the classes.

Parameters
----------
loss : {_strings(*CLASSIFICATION_LOSSES)} or ClassificationLoss, default="log_loss"
    Loss function: a string, or an object such as a custom loss.
{PARAMETERS}class_weight : dict, "balanced" or None, default=None
    Class weights, which multiply the sample weights. "balanced" gives every class the same total weight; in `partial_fit`, the
    weights are computed from the samples seen so far.
{MORE_PARAMETERS}
Attributes
----------
classes_ : ndarray, (n_classes,)
    The labels, sorted.
coef_ : ndarray, (1, n_features) or (n_classes, n_features)
    The coefficients; with two classes, those of the second class.
intercept_ : ndarray, (1,) or (n_classes,)
    The intercept.
loss_ : ClassificationLoss
    The loss of the last fit. Predictions use it, even if the parameter `loss` has been changed since.
{ATTRIBUTES}
See Also
--------
GDRegressor : Linear regression trained by gradient descent.

Notes
-----
{NOTES}
Examples
--------
>>> from sklearn.datasets import load_digits
>>> from sklearn_gd import GDClassifier, MiniBatch
>>> X, y = load_digits(return_X_y=True)
>>> print(round(GDClassifier().fit(X, y).score(X, y), 2))
1.0
>>> parts = {{"solver": MiniBatch(64), "optimizer": "adam", "learning_rate": 0.01}}
>>> model = GDClassifier(**parts, max_iter=20, random_state=0)
>>> print(round(model.fit(X, y).score(X, y), 2))
1.0
"""
