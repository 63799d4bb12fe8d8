"""`doorstep schema`: the configuration file's JSON Schema, for editors."""

from __future__ import annotations

import json

import click

from ..config import config_schema


@click.command("schema")
def schema_command() -> None:
    """Prints the JSON Schema of the configuration file, with the settings of every destination that is installed.

    In an editor that knows Taplo: doorstep schema > doorstep.schema.json, and at the top of doorstep.toml
    "#:schema ./doorstep.schema.json".
    """
    click.echo(json.dumps(config_schema(), indent=2))
