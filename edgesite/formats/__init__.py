"""How dates look: the same unambiguous 24 h form in every language."""
