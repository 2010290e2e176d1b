"""Relations used as what they are not."""

from models import Badge, City, Hero, Skill, Team

from andamios_orm import Col, Model, Related, Repository, generated, relation

# -- construction and assignment
Hero(name="Ada", team=Team(name="A"))  # E: relation-as-argument
Team(name="A", heroes=[])  # E: related-list-as-argument

# -- names
Hero.teem  # E: unknown-relation
Hero.team.nope  # E: unknown-on-relation
Hero.team.name  # E: column-without-to
Hero.team.to.nope  # E: unknown-through-to
Hero.team.to.city.to.nope  # E: unknown-through-two-hops
Team.heroes.name  # E: column-of-many
Team.heroes.to  # E: to-of-many
Hero.team.to.heroes.to  # E: to-of-many-through-to

# -- conditions
Hero.team.has(True)  # E: has-with-bool
Hero.team.has("A")  # E: has-with-text
Hero.team.has(name="A")  # E: has-by-keyword
Hero.team.has(Team.name.set("A"))  # E: has-with-assignment
Hero.team.has(Team.name == 3)  # E: has-with-wrong-type
Hero.team.any()  # E: any-of-one
Hero.team.count()  # E: count-of-one
Team.heroes.has()  # E: has-of-many
Team.heroes.any(Hero.nmae == "A")  # E: any-with-unknown-column
Team.heroes.none("A")  # E: none-with-text
Team.heroes.count().startswith("1")  # E: count-as-text
Team.heroes.where("A")  # E: related-where-text
Team.heroes.where(Hero.age > 3).order_by("name")  # E: related-order-by-text
Team.heroes.limit("3")  # E: related-limit-text
Hero.team.where(Team.name == "A")  # E: where-of-one
Hero.team.limit(1)  # E: limit-of-one


async def queried(heroes: Repository[Hero], teams: Repository[Team], hero: Hero) -> None:
    heroes.where(Hero.team.to.name == 3)  # E: path-compared-with-wrong-type
    heroes.where(Hero.team.to.city.to.name > 3)  # E: long-path-compared-with-wrong-type
    heroes.where(Hero.team.to.name.in_([3]))  # E: path-in-wrong-list
    heroes.where(Hero.team)  # E: relation-as-condition
    heroes.where(Hero.team == hero.team)  # E: relation-compared
    teams.where(Team.heroes.count() == "A")  # E: count-compared-with-text
    heroes.where(Team.heroes)  # E: related-list-as-condition
    heroes.order_by(Hero.team)  # E: order-by-relation
    heroes.load(Team.heroes)  # E: load-another-models
    heroes.where(Hero.age > 3).load(Team.heroes)  # E: query-load-another-models
    heroes.load("team")  # E: load-text
    heroes.load(Hero.name)  # E: load-column
    heroes.load(Team)  # E: load-class
    heroes.load(Hero.team.then(Hero.team))  # E: then-wrong-hop
    heroes.load(Hero.team.then(City.teams))  # E: then-hop-too-far
    teams.load(Team.heroes.limit(3).then(Team.city))  # E: then-wrong-hop-of-many
    teams.load(Team.heroes.where(Hero.age == "3"))  # E: load-with-wrong-condition
    await heroes.where(Hero.age > 3).update(Hero.team.set(3))  # E: set-relation
    await heroes.where(Hero.age > 3).update(Hero.name.set(Hero.team.to.id))  # E: set-wrong-path
    await heroes.where(Hero.age > 3).update(Hero.name.set(Team.heroes.count()))  # E: set-count


def read(hero: Hero, team: Team, badge: Badge) -> None:
    print(hero.team.name)  # E: related-row-may-be-none
    print(badge.hero.nope)  # E: unknown-attribute-of-related
    print(team.heroes.name)  # E: attribute-of-related-list
    names: list[Skill] = team.heroes  # E: related-list-of-another-type
    one: Hero = team.heroes  # E: related-list-as-one
    hero.team = team  # E: relation-assigned
    team.heroes = []  # E: related-list-assigned
    print(names, one)


class Wrong(Model, table=True):
    id: Col[int] = generated()
    first: Related[Hero] = relation(foreign_key="x")  # E: relation-with-unknown-option
    second: Related[Hero] = relation(through=3)  # E: through-number
    third: Related[Hero] = relation(order_by=3)  # E: relation-order-by-number
