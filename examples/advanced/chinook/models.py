"""The record shop's eleven tables, one class each.

Keys come with the data, hence `field(primary_key=True)`; a table that counts its own keys says
`id: Col[int] = generated()`.
"""

from datetime import date
from decimal import Decimal

from andamios_orm import Col, Model, field


class Artist(Model, table=True):
    id: Col[int] = field(primary_key=True)
    name: Col[str] = field(unique=True, max_length=120)


class Album(Model, table=True):
    id: Col[int] = field(primary_key=True)
    title: Col[str] = field(index=True, max_length=160)
    artist_id: Col[int] = field(foreign_key=Artist.id, index=True)


class Genre(Model, table=True):
    id: Col[int] = field(primary_key=True)
    name: Col[str] = field(unique=True, max_length=120)


class MediaType(Model, table=True):
    id: Col[int] = field(primary_key=True)
    name: Col[str] = field(unique=True, max_length=120)


class Track(Model, table=True):
    id: Col[int] = field(primary_key=True)
    name: Col[str] = field(index=True, max_length=200)
    composer: Col[str | None] = field(default=None, max_length=220)
    album_id: Col[int] = field(foreign_key=Album.id, index=True)
    genre_id: Col[int] = field(foreign_key=Genre.id, index=True)
    media_type_id: Col[int] = field(foreign_key=MediaType.id, index=True)
    milliseconds: Col[int] = field(gt=0)
    bytes: Col[int] = field(gt=0)
    unit_price: Col[Decimal] = field(ge=0, max_digits=10, decimal_places=2)


class Playlist(Model, table=True):
    id: Col[int] = field(primary_key=True)
    name: Col[str] = field(max_length=120)


class PlaylistTrack(Model, table=True):
    """Which track is on which playlist: two fields make one key."""

    playlist_id: Col[int] = field(primary_key=True, foreign_key=Playlist.id)
    track_id: Col[int] = field(primary_key=True, foreign_key=Track.id, index=True)


class Person(Model):
    """What employees and customers have in common; without `table=` it is no table itself."""

    id: Col[int] = field(primary_key=True)
    first_name: Col[str] = field(max_length=40)
    last_name: Col[str] = field(index=True, max_length=20)
    email: Col[str] = field(unique=True, max_length=60)
    phone: Col[str | None] = field(default=None, max_length=24)
    fax: Col[str | None] = field(default=None, max_length=24)
    address: Col[str] = field(max_length=70)
    city: Col[str] = field(max_length=40)
    state: Col[str | None] = field(default=None, max_length=40)
    country: Col[str] = field(max_length=40)
    postal_code: Col[str | None] = field(default=None, max_length=10)

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}"


class Employee(Person, table=True):
    title: Col[str] = field(max_length=30)
    reports_to: Col[int | None] = field(default=None, foreign_key="Employee.id", index=True)
    birth_date: Col[date]
    hire_date: Col[date]


class Customer(Person, table=True):
    company: Col[str | None] = field(default=None, max_length=80)
    support_rep_id: Col[int] = field(foreign_key=Employee.id, index=True)


class Invoice(Model, table=True):
    id: Col[int] = field(primary_key=True)
    customer_id: Col[int] = field(foreign_key=Customer.id, index=True)
    invoice_date: Col[date] = field(index=True)
    billing_address: Col[str] = field(max_length=70)
    billing_city: Col[str] = field(max_length=40)
    billing_state: Col[str | None] = field(default=None, max_length=40)
    billing_country: Col[str] = field(max_length=40)
    billing_postal_code: Col[str | None] = field(default=None, max_length=10)
    total: Col[Decimal] = field(ge=0, max_digits=10, decimal_places=2)


class InvoiceLine(Model, table=True):
    id: Col[int] = field(primary_key=True)
    invoice_id: Col[int] = field(foreign_key=Invoice.id, index=True)
    track_id: Col[int] = field(foreign_key=Track.id, index=True)
    unit_price: Col[Decimal] = field(ge=0, max_digits=10, decimal_places=2)
    quantity: Col[int] = field(ge=1)


# Every table after those it refers to: the order in which rows can be stored.
MODELS: tuple[type[Model], ...] = (
    Artist,
    Album,
    Genre,
    MediaType,
    Track,
    Playlist,
    PlaylistTrack,
    Employee,
    Customer,
    Invoice,
    InvoiceLine,
)
