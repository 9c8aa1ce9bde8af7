"""The docstrings of the two estimators. The strings that stand for parts are taken from the registries."""

from .losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from .optimizers import OPTIMIZERS
from .penalties import PENALTIES
from .schedules import SCHEDULES
from .solvers import SOLVERS


def _strings(*names):
    """A set of strings as numpydoc writes it."""
    return "{" + ", ".join(f'"{name}"' for name in names) + "}"


PARAMETERS = f"""\
penalty : {_strings("auto", *PENALTIES)}, Penalty or None, default="auto"
    Regularization term; None for no regularization. "auto" is ``L2(standardize="typical_size")``: the squared l2 norm with each
    coefficient counted in its feature's typical size, standard deviation / sqrt(share of non-zero values), so that predictions
    do not depend on the units of the features. The other strings count coefficients as they are: F is then that of Ridge,
    LogisticRegression and ElasticNet. An object, such as ``L1(nonnegative=True)`` or one of your own, has parameters that a
    string leaves at their defaults.
alpha : float >= 0, default=1e-4
    Regularization strength: the factor of the penalty in F.
l1_ratio : float in [0, 1] or None, default=0.15
    Share of the l1 term under ``penalty="elasticnet"``; None where it is not used. A penalty object has its own.
fit_intercept : bool, default=True
    Whether to fit an intercept. The intercept is not regularized.
solver : {_strings("auto", *SOLVERS)} or Solver, default="auto"
    How many samples each step uses. "auto" is batch descent if `optimizer` and `learning_rate` are "auto" too, and
    mini-batches of 32 samples if either is given; in `partial_fit` and with `average` it is one sample at a time if both are
    "auto". "sgd" takes proximal steps on single samples if both are "auto", and "minibatch" steps of Adam at an
    automatic rate.
optimizer : {_strings("auto", *OPTIMIZERS)} or Optimizer, default="auto"
    How a step is computed from the gradient. "auto" is the memory gradient method in batch descent, and Adam on mini-batches,
    if `learning_rate` is "auto" too, and plain gradient descent otherwise.
learning_rate : {_strings("auto", *SCHEDULES)}, float, callable or Schedule, default="auto"
    The learning rate. A number is a constant rate and gives the textbook update, without any internal scaling. A string
    selects a schedule with its default parameters. A callable takes the number of the step, 1, 2, ..., and returns the rate.
    Under "auto", the memory gradient method and proximal steps need no rate. Any other optimizer then moves coefficients of
    centred and scaled features, in units of the targets; five rates are tried side by side, and `fit` lowers the best one where
    F stalls. `partial_fit` keeps all five models, and predicts with the one that has predicted best so far.
max_iter : int >= 1, default=1000
    Maximum number of epochs (passes over the samples) in `fit`; of iterations of the memory gradient method.
tol : float >= 0 or None, default=1e-4
    `fit` stops when the last `n_iter_no_change` epochs together have lowered F by at most ``tol * min(F_null, 100 * F)``,
    where F_null is the objective of the null model (the best intercept alone), or when a bound on F minus its minimum falls
    below that. `tol` is relative: by default the fit stops when five epochs improve F by less than 0.01% of the null model's
    F, or by less than 1% of F if that is smaller. With validation samples the same holds of their loss, or it stops when the
    score of another `scoring` has risen by at most `tol`. Under l1 and non-negative coefficients F must also be within
    ``tol * min(F_null, 10 * F)`` of its minimum, by its duality gap or an estimate. With None, `fit` runs `max_iter` epochs and
    keeps the last model, or with validation samples the best.
shuffle : bool, default=True
    Whether to shuffle the samples before each epoch of `fit`. `partial_fit` takes the samples in the order given.
early_stopping : bool, default=False
    Whether to set samples aside for validation, and to stop when their score no longer rises; the model of the best epoch is
    kept. The score is that of `scoring`. The split is stratified by class, and at least one sample of each class is kept for
    training. Samples given to `fit` as `X_val` and `y_val` are used in the same way, and none are set aside then.
scoring : "loss", str, callable or None, default="loss"
    How validation samples are scored, the higher the better. "loss" is the negated mean loss, weighted by the weights of the
    samples (those of their classes included), without the penalty. Else a scorer of scikit-learn by its name (see
    `sklearn.metrics.get_scorer_names`), a callable ``scorer(estimator, X, y)``, or None for the estimator's own `score`; a
    scorer is given ``sample_weight=`` where the weights differ.
validation_fraction : float in (0, 1), default=0.1
    Fraction of the samples that `early_stopping` sets aside.
n_iter_no_change : int >= 1, default=5
    Number of epochs without improvement after which `fit` stops.
"""

MORE_PARAMETERS = """\
average : bool or int >= 0, default=False
    Whether to predict with the mean of the iterates (Polyak-Ruppert averaging): of all steps, or, given an integer, of those
    from that step on.
warm_start : bool, default=False
    Whether `fit` starts from the coefficients of the last fit.
random_state : int, RandomState or None, default=None
    Seed or generator for shuffling and for the split of `early_stopping`.
verbose : int >= 0, default=0
    Print a line every `verbose` epochs (calls of `partial_fit`), none if 0: the objective, the last learning rate, the norm
    of the gradient of the smooth part of F, the validation score if there is one, and the seconds since the descent began.
    The norm takes one more pass over the samples for each line.
"""

ATTRIBUTES = """\
n_iter_ : int
    Number of epochs of the last `fit`; each call of `partial_fit` adds one.
t_ : int
    Number of steps.
loss_curve_ : list of float
    F after each epoch of `fit`, and after each call of `partial_fit` on the samples of that call. Where the first epoch
    diverged, F of the model that was kept.
validation_scores_ : list of float
    Score of the validation samples after each epoch, by `scoring`, if there were any: under "loss" minus their mean loss.
best_iter_ : int
    The epoch whose model was kept, counted from 1, if there were validation samples; 0 where a divergence left none.
n_features_in_ : int
    Number of features.
feature_names_in_ : ndarray of str
    Names of the features, if X has names for all and all are strings.
"""

NOTES = """\
Some methods scale and centre the features internally. The minimiser is always that of F in the units of the data, and the
same for dense and CSR input. Samples of weight zero are ignored.

`set_callbacks` accepts callbacks of :mod:`sklearn.callback`: `fit` reports every epoch to them, with the model that it would
return if it ended there, and stops if one of them requests it. `partial_fit` calls none.
"""

REGRESSOR = rf"""\
Linear regression trained by gradient descent.

It minimises

.. math:: F(W, b) = \frac{{\sum_i s_i\, loss(y_i, x_i W + b)}}{{\sum_i s_i}} + \alpha R(W)

by batch, stochastic or mini-batch descent, where s are the sample weights and R is the penalty.

Parameters
----------
loss : {_strings(*REGRESSION_LOSSES)} or RegressionLoss, default="squared_error"
    Loss function of a sample. An object, such as ``Huber(delta=2.0)`` or one of your own, has parameters that a string
    leaves at their defaults.
{PARAMETERS}{MORE_PARAMETERS}
Attributes
----------
coef_ : ndarray, (n_features,) or (n_outputs, n_features) for a 2-D y
    The coefficients.
intercept_ : ndarray, (n_outputs,)
    The intercept.
loss_ : RegressionLoss
    The loss of the last fit. Predictions use it, whatever the parameter `loss` has been set to since.
{ATTRIBUTES}
See Also
--------
GDClassifier : The same for classes.

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
0.524
"""

CLASSIFIER = rf"""\
Linear classifier trained by gradient descent.

It minimises

.. math:: F(W, b) = \frac{{\sum_i s_i\, loss(y_i, x_i W + b)}}{{\sum_i s_i}} + \alpha R(W)

by batch, stochastic or mini-batch descent, where s are the products of sample and class weights and R is the penalty. Two
classes have one score. For more classes, "log_loss" is the softmax (multinomial) loss and "multiclass_hinge" the hinge loss
of Weston and Watkins; the other losses set each class against the rest, in one pass over the data, and F is the sum over the
classes.

Parameters
----------
loss : {_strings(*CLASSIFICATION_LOSSES)} or ClassificationLoss, default="log_loss"
    Loss function of a sample. An object of your own class is allowed too.
{PARAMETERS}class_weight : dict, "balanced" or None, default=None
    Weights of the classes, which multiply the sample weights. "balanced" gives every class the same total weight; in
    `partial_fit`, according to the samples seen so far.
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
    The loss of the last fit. Predictions use it, whatever the parameter `loss` has been set to since.
{ATTRIBUTES}
See Also
--------
GDRegressor : The same for real targets.

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
>>> model = GDClassifier(solver=MiniBatch(64), optimizer="adam", learning_rate=0.01, max_iter=20, random_state=0)
>>> print(round(model.fit(X, y).score(X, y), 2))
1.0
"""
