"""What of a long text is encoded: its most telling sentences, once; words, technologies and quotes are of all of it."""

from collections.abc import Sequence

from matching_catalogues import WORD_ENCODERS
from matching_world import DATA_DIR, TODAY

from schakel_matching.engine.catalogue import Catalogue, Index
from schakel_matching.engine.condensing import ENCODED_MAX, condensed
from schakel_matching.engine.encoders import Floats, Kind, TextEncoder
from schakel_matching.engine.needs import pieces_of
from schakel_matching.engine.rank import rank
from schakel_matching.engine.slate import Need
from schakel_matching.reference_data import ReferenceData, catalogue_of, fieldlabs

STORY = "Ons bedrijf bestaat al heel lang en iedereen in het dorp kent ons. "
ASK = "Wij zoeken een lasrobot voor kleine series."


class Counting:
    """An encoder that remembers which needs it encoded."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.name = encoder.name
        self.asked: list[str] = []
        self._encoder = encoder

    def encode(self, texts: Sequence[str], kind: Kind) -> Floats:
        """Return one row per text."""
        if kind == "query":
            self.asked += texts
        return self._encoder.encode(texts, kind)


def _counting(reference: ReferenceData) -> tuple[Catalogue, tuple[Counting, Counting]]:
    first, second = (Counting(encoder) for encoder in WORD_ENCODERS)
    return catalogue_of(fieldlabs(DATA_DIR)[:30], reference, (first, second)), (first, second)


def test_a_text_of_some_sentences_is_encoded_as_it_is() -> None:
    text = (STORY * 20)[: ENCODED_MAX - len(ASK)] + ASK
    assert condensed(text, Index([["lasrobot"]])) == text


def test_of_a_long_text_the_sentences_that_say_something_are_kept_in_their_order() -> None:
    index = Index([["lasrobot", "serie"], ["oven"], ["dorp"], ["dorp"], ["dorp"]])
    text = STORY * 8 + ASK + " " + STORY * 8 + "Onze oven slurpt gas. " + STORY * 8
    assert condensed(text, index) == f"{STORY.strip()} {ASK} Onze oven slurpt gas."


def test_a_long_text_without_an_end_or_a_known_word_is_cut_to_the_same_length() -> None:
    for text in ("woord " * 5_000, "x" * 30_000, "?! " * 10_000):
        assert 0 < len(condensed(text, Index([["lasrobot"]]))) <= ENCODED_MAX


def test_of_thirty_thousand_characters_each_encoder_gets_the_telling_ones_of_at_most_five_needs(
    reference_data: ReferenceData,
) -> None:
    catalogue, counting = _counting(reference_data)
    slate = rank(catalogue, Need(("Wij zoeken een lasrobot, en onze oven slurpt veel gas. " + STORY) * 250), TODAY)
    assert {concept.key for concept in slate.concepts} >= {"robot_welding"}
    for encoder in counting:
        assert len(encoder.asked) <= 10
        assert sum(map(len, encoder.asked)) <= 5 * ENCODED_MAX + 1_000


def test_no_text_is_encoded_twice_and_a_cut_that_technologies_show_encodes_its_pieces_only(
    reference_data: ReferenceData,
) -> None:
    catalogue, counting = _counting(reference_data)
    needs = pieces_of(
        catalogue, Need("wij zoeken een lasrobot voor kleine series, en onze 3d-printer levert poreuze onderdelen")
    )
    for encoder in counting:
        assert encoder.asked == [need.reading.need.text for need in needs]
        assert len(encoder.asked) == 2
