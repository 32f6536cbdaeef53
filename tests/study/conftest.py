"""What these tests share: the modules of a study's own that one brought are gone for the next."""

from tests.own_modules import own_modules_belong_to_one_test

__all__ = ["own_modules_belong_to_one_test"]
