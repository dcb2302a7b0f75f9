"""The page of a bet says who owes whom, shows every arm, and says of each published figure how far it was checked."""

import re

from helpers.bets import LEVELS, drawn_bet
from regard.pages.bet import write_bet_page
from regard.studies.bet_history import MEMORY, published


def test_the_page_says_it_all(tmp_path) -> None:
    found = drawn_bet({**LEVELS, "context": 0.35})
    page = write_bet_page(found, tmp_path / "bet.html", "regard bet voc --out bet").read_text()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "Efros owes Malik one gelato: one chocolate, one vanilla." in text
    assert "context did not match pretraining with labels" in text
    assert "Chosen on a part of TRAIN: context" in text and "without a correction" in text
    assert "regard bet voc --out bet" in text
    for name in LEVELS:
        assert name in text
    for row in published():
        assert row.method in text and str(row.ap) in text
    assert len(re.findall(rf": {MEMORY}</td>", page)) == sum(row.checked == MEMORY for row in published())


def test_the_page_of_a_single_seed_says_that_nothing_can_be_told(tmp_path) -> None:
    page = write_bet_page(drawn_bet(seeds=1), tmp_path / "bet.html").read_text()
    assert "Nobody owes anybody" in page and "too few to say" in page
