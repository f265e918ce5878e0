"""Certificates: statements about one concrete network, for all time, that others can check.

``certify(recipe, problem)`` proves, from given weights on, that the loss decays at a rate for all
time and that no weight moves far, or says which test failed and by how much.
"""

from theorycheck.certify.problem import Problem, of_instance
from theorycheck.certify.recipe import Attempt, Recipe, certify

__all__ = ["Attempt", "Problem", "Recipe", "certify", "of_instance"]
