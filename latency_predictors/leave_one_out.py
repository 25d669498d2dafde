"""Non-negative least squares in relative error, and what it says of each network by the others.

Many forms are fitted on many folds at once; what that cannot settle is fitted by itself (Lawson and Hanson
1974).
"""

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from search_spaces.base import FloatArray, IntArray

MAX_FOLDS = 50
"""With more networks than this, several are left out at a time."""

NOTICEABLE = 0.01
"""What is added to a form has to lower the leave-one-out error by this share of it."""

_COLLINEAR = 4e-6
"""Least eigenvalues of unit columns below this leave few digits to normal equations; so near, squared, is a
column to what others add up to that is left out."""

_MAX_PIVOTS = 5  # there are hardly ever more than three; what takes longer is fitted by itself


def leave_one_out(matrix: FloatArray, measured: FloatArray) -> FloatArray:
    """Return the prediction of each network by a fit on others, (m,)."""
    every_term = np.ones((1, matrix.shape[1]), dtype=np.bool_)
    return leave_out_of_forms(matrix, measured, every_term).reshape(-1)


def leave_out_of_forms(matrix: FloatArray, measured: FloatArray, forms: NDArray[np.bool_]) -> FloatArray:
    """Return the predictions of each form by fits on others, (forms, m).

    Args:
        matrix: Design with all terms, (m, terms).
        measured: Latencies, (m,).
        forms: Terms of each form, (forms, terms).
    """
    kept = _kept(len(measured))
    coefficients, settled = _fit_stacked(matrix / measured[:, np.newaxis], kept, forms)
    for form, fold in np.argwhere(~settled):
        some = matrix[np.ix_(kept[fold], forms[form])]
        coefficients[form, fold, forms[form]] = fit_relative(some, measured[kept[fold]])
    of_network = coefficients[:, np.arange(len(measured)) % MAX_FOLDS]
    predicted: FloatArray = (matrix * of_network).sum(axis=2)
    return predicted


def folds(m: int) -> list[tuple[IntArray, NDArray[np.bool_]]]:
    """Return the positions that are left out together, each once, with the mask of all others.

    Each position stands alone, up to `MAX_FOLDS` of them; a table that many searches have used has hundreds.
    """
    return [(np.flatnonzero(~kept), kept) for kept in _kept(m)]


def _kept(m: int) -> NDArray[np.bool_]:
    """Return what each fold is fitted on, (folds, m)."""
    kept: NDArray[np.bool_] = np.arange(m) % MAX_FOLDS != np.arange(min(m, MAX_FOLDS))[:, np.newaxis]
    return kept


def _fit_stacked(
    relative: FloatArray, kept: NDArray[np.bool_], forms: NDArray[np.bool_]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Fit all forms on all folds at once: normal equations, block pivoting (Portugal, Judice, Vicente 1994).

    A coefficient is held at zero where it came out negative, and let go where that lowers the error. Where
    neither is left to do, the least squares are the non-negative ones, and no others are unless columns are
    collinear.

    Args:
        relative: Rows of the design over their latencies, (m, terms).
        kept: Rows that each fold is fitted on, (folds, m).
        forms: Terms of each form, (forms, terms).

    Returns:
        The coefficients, (forms, folds, terms), and which of them are to be relied on, (forms, folds).
    """
    unit, scale = _unit_columns(relative)
    one, moment = np.eye(len(scale)), kept @ unit
    gram = np.tensordot(kept.astype(np.float64), unit[:, :, np.newaxis] * unit[:, np.newaxis, :], 1)
    free = np.repeat(forms[:, np.newaxis], len(kept), axis=1)
    unique = _least_eigenvalues_above(np.where(_pairs(free), gram, one), _COLLINEAR)
    solved: NDArray[np.floating] = np.zeros(free.shape)
    wrong = np.zeros_like(free)
    for _ in range(_MAX_PIVOTS):
        free ^= wrong
        inside = _pairs(free & unique[..., np.newaxis])
        solved = np.linalg.solve(np.where(inside, gram, one), (free * moment)[..., np.newaxis])[..., 0]
        lowers = forms[:, np.newaxis] & (moment > (gram @ solved[..., np.newaxis])[..., 0])
        wrong = np.where(free, solved < 0.0, lowers) & unique[..., np.newaxis]
        if not wrong.any():
            break
    return solved / scale, unique & ~wrong.any(axis=2)


def is_said_already(column: FloatArray, others: FloatArray) -> bool:
    """Return whether non-negative multiples of columns, (m, terms), add up to another one, (m,), or nearly.

    A fit whose coefficients are not negative then never needs it. That it is no sum but a difference of
    others, or the negative of one, does not make it superfluous.
    """
    length = float(np.linalg.norm(column))
    if length == 0.0 or not others.shape[1]:
        return length == 0.0
    unit, _ = _unit_columns(others)
    _, left = scipy.optimize.nnls(unit, column / length)
    return bool(left**2 <= _COLLINEAR)


def _unit_columns(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return columns of length one, and what they were divided by; those that are all zero stay so."""
    scale = np.linalg.norm(columns, axis=0)
    scale[scale == 0.0] = 1.0
    return columns / scale, scale


def _least_eigenvalues_above(grams: FloatArray, bound: float) -> NDArray[np.bool_]:
    """Return whether products of unit columns, (..., terms, terms), have all eigenvalues above a bound.

    The determinant is at most e times the least one, since eigenvalues add up to the number of terms: where
    that is enough, they are not worked out.
    """
    above = np.asarray(np.linalg.det(grams) > math.e * bound)
    above[~above] = np.linalg.eigvalsh(grams[~above])[..., 0] > bound
    return above


def _pairs(free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether both terms of a pair are free, (..., terms, terms)."""
    return free[..., :, np.newaxis] & free[..., np.newaxis, :]


def fit_relative(matrix: FloatArray, measured: FloatArray) -> FloatArray:
    """Return the non-negative coefficients of least relative error."""
    coefficients, _ = scipy.optimize.nnls(matrix / measured[:, np.newaxis], np.ones(len(measured)))
    return np.asarray(coefficients, dtype=np.float64)
