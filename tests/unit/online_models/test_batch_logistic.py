import numpy as np
import pytest

from online_models.batch_logistic import fit_logistic


def test_the_weights_of_a_known_model_are_found_within_their_errors():
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(20_000), rng.normal(size=(20_000, 2))])
    truth = np.array([-1.0, 0.5, -2.0])
    y = (rng.random(20_000) < 1 / (1 + np.exp(-x @ truth))).astype(float)
    fit = fit_logistic(x, y, np.zeros(3), np.full(3, 1e6))
    errors = np.sqrt(np.diag(fit.covariance))
    assert (np.abs(fit.weights - truth) < 3 * errors).all()
    assert (errors < 0.05).all()


def test_few_rows_leave_a_weight_where_it_was_believed_to_be():
    x, y = np.array([[1.0], [1.0]]), np.array([1.0, 0.0])
    near, far = (fit_logistic(x, y, np.array([2.0]), np.array([v])) for v in (0.01, 1e6))
    assert near.weights[0] == pytest.approx(2.0, abs=0.02)
    assert far.weights[0] == pytest.approx(0.0, abs=0.01)


def test_what_separates_outcomes_stays_finite():
    x = np.array([[-1.0], [1.0]] * 50)
    fit = fit_logistic(x, (x[:, 0] > 0).astype(float), np.zeros(1), np.array([1e4]))
    assert np.isfinite(fit.weights).all()
    assert fit.weights[0] > 5.0


def test_what_is_given_is_not_fitted_again():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5_000, 1))
    y = (rng.random(5_000) < 1 / (1 + np.exp(-2 * x[:, 0]))).astype(float)
    fit = fit_logistic(x, y, np.zeros(1), np.array([1e6]), offset=2 * x[:, 0])
    assert abs(fit.weights[0]) < 0.15
