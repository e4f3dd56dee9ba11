"""Each law has one code and one title, however many predicates it takes to say it."""

from spec.laws import ALL, TITLES


def test_a_code_has_one_title() -> None:
    assert {(law.code, law.title) for law in ALL} == set(TITLES.items())


def test_a_title_has_one_code() -> None:
    assert len(set(TITLES.values())) == len(TITLES)


def test_every_law_says_what_it_means() -> None:
    """In the docstring of its predicate, the first sentence of which is the law's."""
    for law in ALL:
        assert len((law.holds.__doc__ or "").split()) >= 5, law.code
