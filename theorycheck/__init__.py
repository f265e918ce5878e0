"""theorycheck: hold convergence theorems about neural networks against reality."""

__version__ = "0.1.0"
