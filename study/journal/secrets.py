"""Addresses that hold a secret are refused: what a study is told is kept in files and logs, and shown to others."""

import re

SECRET = re.compile(r"pass|pwd|token|secret|credential|signature|odbc_connect|(access|account|api|shared).?key", re.I)
"""Names of an address's options that hold one."""

OPTION = re.compile(r"[?&;#]([^?&;#=]*)=")

WHAT = {
    "--tracking-uri": (
        "a password",
        "set PGPASSWORD for a PostgreSQL database, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD for a server",
    ),
    "--storage": ("a secret key", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY on every node"),
    "--address": ("a password", "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"),
}
"""Option of the command line → what it must not hold, and what to do instead."""


def require_no_secret(option: str, address: str | None) -> None:
    """Raises ValueError, which does not repeat the address, if this value of the option holds a password or a key."""
    if address and _holds_secret(address):
        secret, instead = WHAT[option]
        raise ValueError(f"{option} holds {secret}, which would be kept in files and logs; leave it out and {instead}")


def _holds_secret(address: str) -> bool:
    from sqlalchemy.engine import make_url  # a fifth of a second
    from sqlalchemy.exc import ArgumentError

    if any(SECRET.search(name) for name in OPTION.findall(address)):
        return True
    try:
        url = make_url(address if "://" in address else f"address://{address}")
    except (ArgumentError, ValueError):  # a port that is none, for instance
        return "@" in address
    alone = url.username is not None and url.drivername in ("http", "https")  # a token
    return url.password is not None or alone
