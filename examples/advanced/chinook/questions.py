"""What a shop owner asks, and how each question is answered.

A question about one table goes to its repository and comes back as instances. One that joins or
adds up is a SQLAlchemy statement on the same models; its rows are typed as well.
"""

from collections.abc import Awaitable, Callable

import sqlalchemy as sa
from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from andamios_orm import Database, Repository
from examples.advanced.chinook.models import (
    MODELS,
    Album,
    Artist,
    Customer,
    Employee,
    Genre,
    Invoice,
    InvoiceLine,
    MediaType,
    Playlist,
    PlaylistTrack,
    Track,
)
from examples.advanced.chinook.show import as_table, bar, duration, number

REVENUE = sa.func.sum(InvoiceLine.unit_price * InvoiceLine.quantity)


async def what_is_in_the_shop(db: Database) -> RenderableType:
    """What is in the shop?"""
    counts = [(model.__name__, await Repository(model, db).count()) for model in MODELS]
    counts.sort(key=lambda count: count[1], reverse=True)
    sold = sa.select(InvoiceLine.track_id)
    never = await Repository(Track, db).where(Track.id.not_in(sold)).count()

    return as_table(
        ["Table", number("Rows")],
        counts,
        note=f"{sum(rows for _, rows in counts):,} rows; {never:,} tracks have never been sold",
    )


async def best_selling_artists(db: Database) -> RenderableType:
    """Which artists sell best?"""
    rows = await db.execute(
        sa.select(Artist.name, sa.func.count(InvoiceLine.id), REVENUE)
        .select_from(InvoiceLine.__table__)
        .join(Track.__table__)
        .join(Album.__table__)
        .join(Artist.__table__)
        .group_by(Artist.id, Artist.name)
        .order_by(REVENUE.desc(), Artist.id)
        .limit(8)
    )

    most = rows[0][2]
    return as_table(
        ["Artist", number("Sales"), number("Revenue"), ""],
        [(name, sales, revenue, bar(revenue / most)) for name, sales, revenue in rows],
    )


async def revenue_by_genre(db: Database) -> RenderableType:
    """Which genres earn most?"""
    rows = await db.execute(
        sa.select(Genre.name, sa.func.count(sa.distinct(Track.id)), REVENUE)
        .select_from(InvoiceLine.__table__)
        .join(Track.__table__)
        .join(Genre.__table__)
        .group_by(Genre.id, Genre.name)
        .order_by(REVENUE.desc(), Genre.id)
        .limit(8)
    )

    most = rows[0][2]
    return as_table(
        ["Genre", number("Different tracks"), number("Revenue"), ""],
        [(name, tracks, revenue, bar(revenue / most)) for name, tracks, revenue in rows],
    )


async def revenue_by_country(db: Database) -> RenderableType:
    """Where does the money come from?"""
    revenue = sa.func.sum(Invoice.total)
    rows = await db.execute(
        sa.select(Invoice.billing_country, sa.func.count(sa.distinct(Invoice.customer_id)), revenue)
        .group_by(Invoice.billing_country)
        .order_by(revenue.desc(), Invoice.billing_country)
    )

    everything = sum(amount for _, _, amount in rows)
    return as_table(
        ["Country", number("Customers"), number("Revenue"), number("Share")],
        [
            (country, customers, amount, f"{amount / everything:.1%}")
            for country, customers, amount in rows[:8]
        ],
        note=f"and {len(rows) - 8} more countries",
    )


async def revenue_by_year(db: Database) -> RenderableType:
    """Does the shop grow?"""
    year = sa.extract("year", Invoice.invoice_date)
    rows = await db.execute(
        sa.select(year, sa.func.count(Invoice.id), sa.func.sum(Invoice.total))
        .group_by(year)
        .order_by(year)
    )

    most = max(revenue for _, _, revenue in rows)
    return as_table(
        ["Year", number("Invoices"), number("Revenue"), ""],
        [(str(y), count, revenue, bar(revenue / most)) for y, count, revenue in rows],
    )


async def best_customers(db: Database) -> RenderableType:
    """Who are the best customers?"""
    spent = sa.func.sum(Invoice.total)
    rows = await db.execute(
        sa.select(Invoice.customer_id, sa.func.count(Invoice.id), spent)
        .group_by(Invoice.customer_id)
        .order_by(spent.desc(), Invoice.customer_id)
        .limit(5)
    )
    customers = Repository(Customer, db)
    best = [(await customers.get(key), invoices, amount) for key, invoices, amount in rows]

    return as_table(
        ["Customer", "Country", number("Invoices"), number("Spent")],
        [(c.full_name, c.country, invoices, amount) for c, invoices, amount in best],
    )


async def employee_tree(db: Database) -> Tree:
    """Who reports to whom, and who sells how much?"""
    employees = await Repository(Employee, db).order_by(Employee.id).all()
    sales = await db.execute(
        sa.select(Customer.support_rep_id, sa.func.sum(Invoice.total))
        .join_from(Invoice.__table__, Customer.__table__)
        .group_by(Customer.support_rep_id)
    )
    sold = {rep: f"  sells {amount:,.2f}" for rep, amount in sales}

    def grow(branch: Tree, manager: int | None) -> Tree:
        for employee in employees:
            if employee.reports_to == manager:
                name = (employee.full_name, "bold")
                title = (f" {employee.title}", "dim")
                sells = (sold.get(employee.id, ""), "green")
                grow(branch.add(Text.assemble(name, title, sells)), employee.id)
        return branch

    return grow(Tree("", hide_root=True, guide_style="dim"), None)


async def longest_songs(db: Database) -> RenderableType:
    """Which songs are the longest, films apart?"""
    audio = await Repository(MediaType, db).where(MediaType.name.contains("audio")).all()
    tracks = (
        await Repository(Track, db)
        .where(Track.media_type_id.in_([kind.id for kind in audio]))
        .order_by(Track.milliseconds.desc(), Track.id)
        .limit(5)
        .all()
    )
    albums = Repository(Album, db)

    return as_table(
        ["Song", "Album", number("Length")],
        [
            (track.name, (await albums.get(track.album_id)).title, duration(track.milliseconds))
            for track in tracks
        ],
    )


async def largest_playlists(db: Database) -> RenderableType:
    """Which playlists are the largest?"""
    tracks = sa.func.count(PlaylistTrack.track_id)
    rows = await db.execute(
        sa.select(Playlist.id, Playlist.name, tracks, sa.func.sum(Track.milliseconds))
        .select_from(Playlist.__table__)
        .join(PlaylistTrack.__table__, isouter=True)
        .join(Track.__table__, isouter=True)
        .group_by(Playlist.id, Playlist.name)
        .order_by(tracks.desc(), Playlist.id)
    )

    empty = sum(count == 0 for _, _, count, _ in rows)
    return as_table(
        [number("No."), "Playlist", number("Tracks"), number("Length")],
        [(key, name, count, duration(length)) for key, name, count, length in rows[:8]],
        note=f"and {len(rows) - 8} more, of which {empty} are empty",
    )


async def names_beyond_ascii(db: Database) -> RenderableType:
    """Which customers' names does a plain keyboard lack?"""
    customers = await Repository(Customer, db).order_by(Customer.id).all()

    # SQL has no portable word for this, and instances are plain Python values.
    found = [c for c in customers if not c.full_name.isascii()]
    return as_table(
        ["Customer", "City", "Country"], [(c.full_name, c.city, c.country) for c in found]
    )


QUESTIONS: tuple[Callable[[Database], Awaitable[RenderableType]], ...] = (
    what_is_in_the_shop,
    best_selling_artists,
    revenue_by_genre,
    revenue_by_country,
    revenue_by_year,
    best_customers,
    employee_tree,
    longest_songs,
    largest_playlists,
    names_beyond_ascii,
)
