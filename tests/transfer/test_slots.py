"""Which place a local name has in Dossier: pure."""

from collections.abc import Sequence
from random import Random
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier import folders
from dossier.transfer.trees.slots import Place, Slots


def place(name: str, kind: str = "document", sha256: bytes = b"") -> Place:
    return Place(kind, uuid4(), name, sha256)


def there(*places: Place) -> dict[bytes, Place]:
    return {folders.name_key(each.name): each for each in places}


def take(names: Sequence[str], *places: Place) -> list[tuple[str, UUID | None]]:
    slots = Slots(there(*places), names)
    taken = [slots.take("document", name) for name in names]
    return [(slot.name, slot.place.id if slot.place else None) for slot in taken]


class TestTake:
    def test_new_names_are_kept(self) -> None:
        assert take(["a.txt", "b"]) == [("a.txt", None), ("b", None)]

    def test_the_same_name(self) -> None:
        known = place("a.txt")
        assert take(["a.txt"], known) == [("a.txt", known.id)]

    def test_only_what_is_the_same_content(self) -> None:
        first, second = place("a.txt", sha256=b"1"), place("a (2).txt", sha256=b"2")
        for sha256, slot in ((b"1", ("a.txt", first)), (b"2", ("a (2).txt", second)), (b"3", ("a (3).txt", None))):
            slots = Slots(there(first, second), ["a.txt"])
            assert slots.has("A.txt") and not slots.has("b.txt")
            taken = slots.take("document", "a.txt", sha256, only=True)
            assert (taken.name, taken.place) == slot

    def test_another_case_is_the_same_name(self) -> None:
        known = place("Report.txt")
        assert take(["report.txt"], known) == [("Report.txt", known.id)]

    def test_the_second_of_two_cases_gets_a_number(self) -> None:
        assert take(["A.txt", "a.txt", "a.TXT"]) == [("A.txt", None), ("a (2).txt", None), ("a (3).TXT", None)]

    def test_and_finds_it_again(self) -> None:
        first, second = place("A.txt"), place("a (2).txt")
        assert take(["A.txt", "a.txt"], first, second) == [("A.txt", first.id), ("a (2).txt", second.id)]

    def test_in_any_order(self) -> None:
        first, second = place("A.txt"), place("a (2).txt")
        assert take(["a.txt", "A.txt"], first, second) == [("a (2).txt", second.id), ("A.txt", first.id)]

    def test_and_when_it_is_alone_now(self) -> None:
        first, second = place("A.txt"), place("a (2).txt")
        assert take(["a.txt"], first, second) == [("a (2).txt", second.id)]

    def test_and_behind_a_gap(self) -> None:
        first, third = place("A.txt"), place("a (3).TXT")
        assert take(["A.txt", "a.TXT", "a.txt"], first, third)[1] == ("a (3).TXT", third.id)

    def test_a_number_that_is_a_local_name_is_left_to_it(self) -> None:
        names = ["A.txt", "a (2).txt", "a.txt"]
        assert take(names) == [("A.txt", None), ("a (2).txt", None), ("a (3).txt", None)]
        known = [place(name) for name in ("A.txt", "a (2).txt", "a (3).txt")]
        assert take(names, *known) == [(each.name, each.id) for each in known]

    def test_what_was_cut_off_goes_on(self) -> None:
        first = place("A.txt")
        assert take(["A.txt", "a.txt"], first) == [("A.txt", first.id), ("a (2).txt", None)]

    def test_a_folder_of_that_name(self) -> None:
        folder = place("x", "folder")
        assert take(["x"], folder) == [("x (2)", None)]
        assert take(["x"], folder, known := place("x (2)")) == [("x (2)", known.id)]

    def test_folders_are_numbered_at_their_end(self) -> None:
        slots = Slots({}, ["v1.0", "V1.0"])
        assert [slots.take("folder", name).name for name in ("v1.0", "V1.0")] == ["v1.0", "V1.0 (2)"]

    def test_equal_names_look_for_their_digest(self) -> None:
        one, two = place("é", sha256=b"1"), place("é (2)", sha256=b"2")
        slots = Slots(there(one, two), ["é", "é"])
        assert [slots.take("document", "é", sha).place for sha in (b"2", b"1")] == [two, one]


@given(st.lists(st.sampled_from(["a", "A", "a (2)", "A (2)", "a (3)", "b", "B", "b (2)"]), unique=True), st.randoms())
def test_a_second_import_makes_nothing_new(names: list[str], random: Random) -> None:
    slots = Slots({}, names)
    first = {name: slots.take("document", name).name for name in names}
    assert len({folders.name_key(name) for name in first.values()}) == len(names)
    known = there(*map(place, first.values()))
    random.shuffle(names)
    again = Slots(known, names)
    for name in names:
        slot = again.take("document", name)
        assert slot.place is not None
        assert slot.name == first[name]


@pytest.mark.parametrize("kind", ["document", "folder"])
def test_a_cut_off_import_goes_on_with_the_same_names(kind: str) -> None:
    names = ["A", "a", "B", "b", "a (2)"]
    slots = Slots({}, names)
    whole = {name: slots.take(kind, name).name for name in names}
    for cut in range(len(names)):
        known = there(*(place(whole[name], kind) for name in names[:cut]))
        again = Slots(known, names)
        assert {name: again.take(kind, name).name for name in names} == whole
