"""Questions to the person at the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from andamios_orm.cli.output import Output

if TYPE_CHECKING:
    from andamios_orm.migration import Answers, Migrator

__all__ = ["confirmed", "named", "renames_asked"]


def confirmed(output: Output, yes: bool, question: str) -> bool:
    """Whether a person agrees; without one, whether --yes was given.

    Raises AnswerNeeded for a program, which reads one document whatever becomes of it.
    """
    if yes:
        return True
    if output.as_json:
        from andamios_orm.errors import AnswerNeeded  # noqa: PLC0415 - where a question stays open

        raise AnswerNeeded(f"{question} There is nobody to ask", "add --yes", questions=(question,))
    if not output.asks():
        output.note(f"{question} There is nobody to ask: add --yes.")
        return False
    return typer.confirm(question, default=False, err=True)


def named(output: Output, name: str) -> str | None:
    """Return what a person types as the name of a database in production, None without one."""
    if not output.asks():
        return None
    found: str = typer.prompt(f"This removes data in production. Type {name} to go on", err=True)
    return found


async def renames_asked(migrator: Migrator, answers: Answers) -> Answers:
    """Ask of each thing that may have been renamed whether it was; return all answers."""
    while questions := (await migrator.compare(answers)).questions:
        question = questions[0]
        if typer.confirm(f"Did {question.old} become {question.new}?", default=False, err=True):
            answers = replace(answers, renames=answers.renames | {question})
        else:
            others = [q for q in questions[1:] if q.old == question.old]
            if not others:
                answers = replace(answers, dropped=answers.dropped | {question.old})
                continue
            for other in others:
                if typer.confirm(f"Did {other.old} become {other.new}?", default=False, err=True):
                    answers = replace(answers, renames=answers.renames | {other})
                    break
            else:
                answers = replace(answers, dropped=answers.dropped | {question.old})
    return answers
