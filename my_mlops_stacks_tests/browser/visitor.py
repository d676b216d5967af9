"""Somebody who opens pages, reads and clicks: what is looked for is text that can be seen, wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SECONDS = 60
"""How long a text may take to appear, on a machine that is busy."""


@dataclass(frozen=True)
class Visitor:
    """Whoever looks at `page`; `addresses` are the servers', by name."""

    page: Page
    addresses: Mapping[str, str]

    def opens(self, path: str, server: str = "dagster") -> None:
        self.page.goto(f"{self.addresses[server]}{path}")

    def sees(self, *texts: str, within: Locator | None = None) -> None:
        """Wait until each text is to be read, alone or as a part of a sentence."""
        from playwright.sync_api import expect

        for text in texts:
            expect((within or self.page).get_by_text(text).filter(visible=True).first).to_be_visible()

    def row(self, text: str) -> Locator:
        """The row of a table that has a cell of just this text."""
        return self.page.get_by_role("row").filter(has=self.page.get_by_text(text, exact=True))

    def follows(self, link: Locator) -> Visitor:
        """Whoever looks at the tab that the link opens."""
        with self.page.context.expect_page() as opened:
            link.click()
        return Visitor(opened.value, self.addresses)

    def unfolds(self, name: str) -> Locator:
        """The dialog with the text or picture that an entry of the metadata has."""
        self.row(name).get_by_text("[Show Markdown]").click()
        return self.page.get_by_role("dialog")

    def sees_picture(self, within: Locator) -> None:
        """Wait until a picture is there that is large enough to be read."""
        from playwright.sync_api import expect

        picture = within.locator("img").first
        expect(picture).to_be_visible()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 400
