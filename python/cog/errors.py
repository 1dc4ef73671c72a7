"""Exceptions of the SDK itself."""


class CogError(Exception):
    """The base of them all."""


class ConfigDoesNotExist(CogError):
    """There is no cog.yaml."""


class PredictorNotSet(CogError):
    """Nothing says which predictor to run."""
