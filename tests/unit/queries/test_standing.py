"""What holds for every query of a model without being asked for."""

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Model, SoftDelete, Tenant, generated
from andamios_orm.queries.standing import standing_conditions
from andamios_orm.schema.tenants import TENANT, with_tenant

METADATA = sa.MetaData()


class Plain(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()


class Kept(SoftDelete, Tenant, table=True, metadata=METADATA):
    id: Col[int] = generated()


def test_a_plain_model_has_none() -> None:
    assert standing_conditions(Plain) == ()


def test_they_are_always_the_same_objects() -> None:
    owner, unmarked = standing_conditions(Kept)

    assert standing_conditions(Kept) == (owner, unmarked)
    assert standing_conditions(Kept, with_deleted=True) == (owner,)
    assert repr((owner, unmarked)) == "(Kept.tenant_id == TENANT, Kept.deleted_at IS NULL)"


def test_the_tenant_is_a_value_that_is_put_in_later() -> None:
    owner, _ = standing_conditions(Kept)
    values: list[object] = []
    models: set[type] = set()
    owner.values(values)
    owner.models(models)

    assert values == [TENANT]
    assert with_tenant([1, TENANT, "a"], "acme") == [1, "acme", "a"]
    assert models == {Kept}
    assert owner.names_only(Kept)
    assert not owner.names_only(Plain)
    assert owner.key() == standing_conditions(Kept)[0].key()


def test_in_a_statement_of_sqlalchemy_the_columns_are_the_tables() -> None:
    text = str(sa.select(Kept.id).where(*standing_conditions(Kept)))

    assert "kept.tenant_id = :param_1 AND kept.deleted_at IS NULL" in text


def test_the_sentinel_is_told_by_its_name_only() -> None:
    assert repr(TENANT) == "TENANT"
    with pytest.raises((TypeError, AttributeError)):
        TENANT.value = 3  # type: ignore[attr-defined] # it has none
