"""The configured chains."""


def configured(settings):
    return []


def read(home, settings, chain, progress=None):
    raise NotImplementedError
