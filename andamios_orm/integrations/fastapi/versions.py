"""Entity tags of rows that count their versions: ETag and If-Match (RFC 9110, section 8.8.3)."""

import re
from typing import Annotated, TypeAlias

from fastapi import Depends, Header, HTTPException, Response

from andamios_orm.models.mixins import Versioned

__all__ = ["IfMatch", "RequiredIfMatch", "etag", "set_etag"]

_TAG = re.compile(r'"([0-9]{1,19})"')
_HIGHEST = 2**63 - 1


def etag(instance: Versioned) -> str:
    """Return the entity tag of a row: its version, in quotes."""
    return f'"{instance.version}"'


def set_etag(response: Response, instance: Versioned) -> None:
    """Give a response the entity tag of a row, for the client's next If-Match.

    ```python
    from typing import Annotated

    from fastapi import FastAPI, Response

    from andamios_orm.integrations.fastapi import DbId, IfMatch, install, repository, set_etag


    class Page(Versioned, table=True):
        id: Col[int] = generated()
        text: Col[str]


    Pages = Annotated[Repository[Page], repository(Page, db)]
    app = FastAPI(lifespan=db.lifespan)
    install(app)


    @app.patch("/pages/{key}")
    async def change_page(
        key: DbId, data: Patch[Page], version: IfMatch, pages: Pages, response: Response
    ) -> Public[Page]:
        page = await pages.patch(key, data, if_version=version)
        set_etag(response, page)
        return page
    ```
    """
    response.headers["ETag"] = etag(instance)


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    # A weak tag, or one that is no version, equals none of ours.
    if found is None or int(found[1]) > _HIGHEST:
        raise HTTPException(412, "the row was changed since it was read")
    return int(found[1])


async def _if_match(
    if_match: Annotated[str | None, Header(alias="If-Match")] = None,
) -> int | None:
    return _version(if_match)


async def _required_if_match(
    if_match: Annotated[str | None, Header(alias="If-Match")] = None,
) -> int | None:
    if if_match is None:
        raise HTTPException(428, "If-Match is missing: say which version is to be changed")
    return _version(if_match)


IfMatch: TypeAlias = Annotated[int | None, Depends(_if_match)]
"""The version that a request's If-Match names; None without one, and for `*`.

`await heroes.patch(key, data, if_version=version)` raises StaleVersion for another version, which
is answered with 412, as a tag is that can equal no version.
"""

RequiredIfMatch: TypeAlias = Annotated[int | None, Depends(_required_if_match)]
"""The same where a request without If-Match is answered with 428."""
