from sqlmodel import Field, SQLModel, col, select


class Hero(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=50)
    age: int | None = Field(default=None, ge=0)


# As its documentation has it: `col()` where a plain attribute does not type-check.
select(Hero).where(Hero.name > 3)  # wrong: a number compared with a text
select(Hero).where(col(Hero.age) > "x")  # wrong: a text compared with a number
select(Hero).where(Hero.nmae == "Ada")  # wrong: no such column
Hero(name=3)  # wrong: a number for a text
select(Hero).where(col(Hero.age) > 3)  # right: a nullable number compared
select(Hero).where(col(Hero.name).in_(["Ada", "Bob"]))  # right: one of several
select(Hero).where(col(Hero.name).startswith("A"))  # right: a pattern
select(Hero).order_by(col(Hero.age).desc())  # right: descending order
