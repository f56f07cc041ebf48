from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from edgesite.roles import ROLES
from edgesite.tokens import create_token, replace_token


class Command(BaseCommand):
    help = "Makes an API token and prints it once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the token is for; unique")
        parser.add_argument("--role", required=True, choices=ROLES)
        parser.add_argument("--replace", action="store_true", help="an existing token of that name stops working")

    def handle(self, *args: Any, **options: Any) -> None:
        make = replace_token if options["replace"] else create_token
        try:
            self.stdout.write(make(name=options["name"], role=options["role"]))
        except ValueError as error:
            raise CommandError(str(error)) from None
