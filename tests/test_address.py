"""What the address bar says counts when it is new, not when it lags behind."""

from __future__ import annotations

from pages.common.address import AddressMemory

LINK, FIRST, SECOND = {"T": "9"}, {"v": "1", "T": "9"}, {"v": "1", "T": "12"}


def after(*written: tuple[dict[str, str], dict[str, str]]) -> AddressMemory:
    memory = AddressMemory()
    for address, shown in written:
        memory.write(address, shown)
    return memory


def test_a_link_is_news_and_an_empty_address_is_not() -> None:
    assert AddressMemory().is_news(LINK)
    assert not AddressMemory().is_news({})


def test_what_was_written_is_not_news() -> None:
    assert not after((FIRST, LINK)).is_news(FIRST)


def test_a_click_before_the_browser_followed_does_not_bring_the_link_back() -> None:
    assert not after((FIRST, LINK)).is_news(LINK)


def test_two_quick_changes_are_both_kept() -> None:
    memory = after((FIRST, LINK), (SECOND, LINK))
    assert not memory.is_news(LINK)
    assert not memory.is_news(FIRST)
    assert not memory.is_news(SECOND)


def test_once_the_browser_has_followed_the_way_back_is_news() -> None:
    memory = after((FIRST, LINK), (SECOND, FIRST))
    assert not memory.is_news(SECOND)
    assert memory.is_news(FIRST)
    assert memory.is_news(LINK)


def test_an_edited_address_is_news_even_while_the_browser_lags() -> None:
    assert after((FIRST, LINK)).is_news({"v": "1", "T": "3"})
