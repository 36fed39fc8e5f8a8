"""Cards that tell people what a model is."""


def model_card(path):
    """."""
