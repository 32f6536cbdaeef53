"""How many of something, as one says it."""


def some(count: int, one: str, more: str | None = None) -> str:
    """1 search, 3 searches."""
    return f"{count} {one if count == 1 else more or one + 's'}"
