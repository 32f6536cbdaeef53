"""Who joins which pack."""

from typing import Any

import pytest

from study.pack import office
from study.pack.office import OpenPack, PackOffice, Place, best, shape_of

HERE, THERE = Place("node", ""), Place("another", "0")


def pack(*shapes: str) -> OpenPack:
    return OpenPack(None, {str(place): shape for place, shape in enumerate(shapes)})


def test_trials_join_those_of_their_shape() -> None:
    alike, other = pack("soft", "soft", "batch"), pack("batch", "batch")
    assert best([alike, other], "soft", size=4, most=2) is alike
    assert best([alike, other], "batch", size=4, most=2) is other


def test_a_new_shape_opens_a_pack_as_long_as_there_is_room_for_one() -> None:
    one, other = pack("soft", "soft"), pack("batch")
    assert best([one, other], "reduction", size=4, most=3) is None
    assert best([one, other], "reduction", size=4, most=2) is other


def test_a_full_pack_is_joined_by_nobody() -> None:
    assert best([pack("soft", "soft")], "soft", size=2, most=1) is None


def test_an_empty_pack_is_used_again() -> None:
    empty = pack()
    assert best([pack("soft"), empty], "batch", size=2, most=9) is empty


def test_seeds_and_rates_make_no_shape() -> None:
    values = {"training.optimizer.learning_rate": 1e-3, "training.seed": 1, "training.method.name": "soft"}
    others = values | {"training.optimizer.learning_rate": 2e-3, "training.seed": 2}
    assert shape_of(values) == shape_of(others)
    assert shape_of(values) != shape_of(values | {"training.method.name": "batch"})
    assert shape_of(values) != shape_of(values | {"network.widths": [3, 3]})


class Server:
    """Remembers who left."""

    def __init__(self) -> None:
        self.left: list[str] = []
        self.leave = self

    def remote(self, member: str, *, save: bool) -> None:
        assert not save
        self.left.append(member)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> PackOffice:
    """An office whose packs are no processes."""
    made = PackOffice(size=2, cpu=1, gpu=0)
    monkeypatch.setattr(made, "_opened", lambda place: Server())
    monkeypatch.setattr(made, "_most", lambda place: 2)
    monkeypatch.setattr(office, "_lives", lambda pack: pack.server is not None)
    return made


def test_a_pack_has_so_many_members_and_no_more(opened: PackOffice) -> None:
    servers: list[Any] = [opened.join(f"{trial:04d}", f"m{trial}", "soft", HERE) for trial in range(3)]
    assert servers[0] is servers[1] and servers[2] is not servers[0]
    opened.leave("0000")
    assert opened.join("0003", "m3", "soft", HERE) in servers
    assert opened.join("0004", "m4", "soft", THERE) not in servers


def test_a_trial_that_starts_again_leaves_what_it_was_in(opened: PackOffice) -> None:
    server = opened.join("0000", "before", "soft", HERE)
    assert opened.join("0000", "now", "soft", HERE) is server
    assert server.left == ["before"]
    assert list(opened.packs[HERE][0].members) == ["now"]


def test_a_pack_that_is_lost_is_joined_no_more(opened: PackOffice) -> None:
    opened.join("0000", "m0", "soft", HERE)
    opened.packs[HERE][0].server = None
    opened.members.clear()
    assert opened.join("0001", "m1", "soft", HERE) is not None


def test_leaving_twice_is_leaving_once(opened: PackOffice) -> None:
    opened.join("0000", "m0", "soft", HERE)
    opened.leave("0000")
    opened.leave("0000")
    assert not opened.packs[HERE][0].members
