"""Whether the address bar says something new, or only what we are about to change."""

from __future__ import annotations

from dataclasses import dataclass, field

Address = dict[str, str]


@dataclass
class AddressMemory:
    """Remembers what was written to the address bar and not yet seen there.

    The browser changes its address some time after it was told to. A click made in between comes
    with the old address, and must not undo what was changed meanwhile. Once the browser has
    followed, the same old address would be news again.
    """

    #: What the address bar was last told to say.
    written: Address | None = None
    #: What it may still say until it says that.
    outdated: list[Address] = field(default_factory=list)

    def is_news(self, address: Address) -> bool:
        """Say whether this address was put there by the learner, and not by us before."""
        if address == self.written:
            self.outdated.clear()
            return False
        return bool(address) and address not in self.outdated

    def write(self, address: Address, shown: Address) -> None:
        """Note that the address bar, which shows one address, is told to say another."""
        for old in (shown, self.written):
            if old is not None and old != address and old not in self.outdated:
                self.outdated.append(old)
        if address == shown:
            self.outdated.clear()
        self.written = address
