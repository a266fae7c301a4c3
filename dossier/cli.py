"""`dossier`: serve, work, migrate, manage users and tokens, import, export, check. Exit codes and `--json` fit for scripts.

Exit codes: 0 done, 1 refused or found faults, 2 wrong use.
"""

import json
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import typer
from pydantic import ValidationError

from dossier.app import Parts
from dossier.console import NOWHERE, run, send, show, workspace_actor
from dossier.core import migrate
from dossier.core.actor import Actor, Role
from dossier.core.errors import DossierError, Invalid
from dossier.core.ids import new_id
from dossier.core.settings import Face, Settings, SettingsFault
from dossier.core.units import Unit

cli = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
user_cli = typer.Typer(help="People of a workspace.", no_args_is_help=True)
token_cli = typer.Typer(help="Personal access tokens.", no_args_is_help=True)
jobs_cli = typer.Typer(help="Promised work.", no_args_is_help=True)
storage_cli = typer.Typer(help="Where contents lie.", no_args_is_help=True)
portal_cli = typer.Typer(help="The built portal.", no_args_is_help=True)
cli.add_typer(user_cli, name="user")
cli.add_typer(token_cli, name="token")
cli.add_typer(jobs_cli, name="jobs")
cli.add_typer(storage_cli, name="storage")
cli.add_typer(portal_cli, name="portal")

Workspace = Annotated[str, typer.Option("--workspace", help="The workspace's slug.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]


def main() -> None:
    """The entrance: runs a command; a refusal is one line on standard error and exit code 1."""
    try:
        cli()
    except DossierError as error:
        fields = "".join(f"\n  {name}: {why}" for name, why in (error.fields or {}).items())
        typer.echo(f"dossier: {error.detail}{fields} [{error.code}]", err=True)
        sys.exit(1)
    except ValidationError as error:
        for item in error.errors():
            typer.echo(f"dossier: DOSSIER_{str(item['loc'][0]).upper()}: {item['msg']}", err=True)
        sys.exit(2)
    except SettingsFault as fault:
        typer.echo(f"dossier: {fault}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


# Running


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 finds a free one.")] = None,
    worker: Annotated[bool, typer.Option(help="Work on jobs in the same process.")] = True,
    face: Annotated[
        Face | None, typer.Option(help="Whom it is for: all; portal; or partner, without sessions.")
    ] = None,
) -> None:
    """Serve the API (and work on jobs) until Ctrl-C or SIGTERM."""
    from dossier import serve as server

    options = {"host": host, "port": port, "face": face}
    given = {name: value for name, value in options.items() if value is not None}
    settings = Settings(**given)  # type: ignore[arg-type]  # the fields' own types
    if settings.port == 0:
        settings = settings.model_copy(update={"port": server.free_port(settings.host)})

    async def do(parts: Parts) -> None:
        link = await _setup_link(parts)

        def started() -> None:
            typer.echo(f"Dossier is at {settings.base_url}  (API: {settings.base_url}/api/docs)")
            if link:
                typer.echo(f"First sign-in: open {link}")
            sys.stdout.flush()

        await server.serve(parts, started=started, work=worker)

    run(do, settings)


async def _setup_link(parts: Parts) -> str | None:
    from dossier import users

    async def make(unit: Unit) -> str:
        secret = await users.make_link(unit, "setup", None, timedelta(days=1))
        return users.link_address(parts.settings, "setup", secret)

    async with parts.units.read(NOWHERE) as unit:
        if await users.workspace_ids(unit):
            return None
    return await parts.units.run(NOWHERE, make)


@cli.command("worker")
def worker_() -> None:
    """Work on jobs until Ctrl-C or SIGTERM."""
    from dossier.serve import work

    run(work)


@cli.command("migrate")
def migrate_() -> None:
    """Bring the database to this version's schema."""
    settings = Settings()
    settings.data_dir.mkdir(0o750, parents=True, exist_ok=True)
    if migrate.is_newer(found := migrate.revision_at(settings.database)):
        typer.echo(f"The schema is at {found}, which a newer version has made: there is nothing to do.")
        return
    migrate.upgrade(settings.database)
    typer.echo(f"The schema is at {migrate.HEAD}.")


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from dossier.app import create_app

    async def do(parts: Parts) -> None:
        typer.echo(json.dumps(create_app(parts).openapi(), indent=2, ensure_ascii=False, sort_keys=True))

    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        run(do, Settings(data_dir=Path(folder)))


@portal_cli.command("nginx")
def portal_nginx(folder: Annotated[Path, typer.Argument(help="Where nginx has its configuration.")]) -> None:
    """Write headers.conf and site.conf: how nginx serves the built portal. Made again after each build."""
    from dossier.portal import edge, site

    settings = Settings()
    try:
        files = edge.includes(site.folder_of(settings.portal_dir), secure=settings.secure)
    except ValueError as error:
        raise Invalid(str(error)) from error
    for name, text in files.items():
        (folder / name).write_text(text)


# People


@user_cli.command("add")
def user_add(
    email: str,
    workspace: Workspace,
    role: Annotated[Role, typer.Option(help="What the person may do.")] = "viewer",
    name: Annotated[str, typer.Option(help="The name that others see; the e-mail's first part without it.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a person to a workspace, which is made where none has that slug."""
    from dossier import folders, sessions, users

    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None

    async def do(parts: Parts) -> dict[str, Any]:
        async with parts.units.read(NOWHERE) as reading:
            known = await users.find_workspace(reading, workspace)

        async def add(unit: Unit) -> UUID:
            if known is None:
                await folders.found_workspace(unit, workspace, workspace)
            member_id = await users.add_member(
                unit,
                email,
                name or email.split("@")[0],
                role,
                password,
                overwrite=True,
            )
            if password is not None and (user_id := await users.user_of(unit, member_id)):
                await sessions.end_sessions(unit, user_id)  # whoever knew the old password is out
            return member_id

        member_id = await parts.units.run(Actor.system(known or new_id(), "command line"), add)
        return {"member_id": str(member_id), "email": email, "workspace": workspace, "role": role}

    added = run(do)
    show(added) if as_json else typer.echo(f"{email} is {role} in {workspace}.")


@token_cli.command("add")
def token_add(
    email: str,
    workspace: Workspace,
    name: Annotated[str, typer.Option(help="What the token is for.")] = "command line",
    scopes: Annotated[str, typer.Option(help="Of read, write, admin; with commas.")] = "read,write,admin",
) -> None:
    """Make a personal access token and print it alone."""
    from dossier import sessions, users

    async def do(parts: Parts) -> str:
        actor = await workspace_actor(parts, workspace)

        async def make(unit: Unit) -> str:
            member_id = await users.find_member(unit, email)
            if member_id is None:
                raise users.MemberNotFound(f"{email} is no member of {workspace}.")
            return await sessions.make_token(unit, member_id, name, scopes.split(","))

        return await parts.units.run(actor, make)

    typer.echo(run(do))


# Jobs


@jobs_cli.command("list")
def jobs_list(
    state: Annotated[str | None, typer.Option(help="ready, running or dead.")] = None, as_json: AsJson = False
) -> None:
    """List promised work, oldest first."""
    from dossier.core import jobs

    async def do(parts: Parts) -> list[dict[str, Any]]:
        async with parts.units.read(NOWHERE) as unit:
            found = await jobs.list_(unit.session, state=state)
        names = ("id", "workspace_id", "kind", "state", "attempts", "run_at", "created_at", "last_error", "payload")
        return [{name: getattr(job, name) for name in names} for job in found]

    rows = run(do)
    if as_json:
        show(rows)
        return
    for row in rows:
        typer.echo(f"{row['id']}  {row['state']:8}{row['kind']:24}{row['attempts']}  {row['last_error'] or ''}")


@jobs_cli.command("retry")
def jobs_retry(
    ids: Annotated[list[UUID] | None, typer.Argument(help="Dead jobs; all of them without.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give dead jobs all their attempts again."""
    from dossier.core import jobs

    async def do(parts: Parts) -> int:
        return await parts.units.run(NOWHERE, lambda unit: jobs.retry(unit.session, unit.now, ids))

    count = run(do)
    show({"retried": count}) if as_json else typer.echo(f"{count} jobs are ready again.")


# Transfer


@cli.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="A file, a folder whose content comes in, or an export.")],
    workspace: Annotated[str, typer.Option("--workspace", help="The workspace's slug; not needed with --to.")] = "",
    folder: Annotated[str, typer.Option(help="Where to, as in A/B; made where it is not there.")] = "",
    as_: Annotated[str, typer.Option("--as", help="The member to do it as, by e-mail; the system without.")] = "",
    to: Annotated[str, typer.Option(help="A Dossier elsewhere, as in https://dossier.example.com.")] = "",
    on_conflict: Annotated[
        Literal["error", "version", "rename"], typer.Option(help="With --to: a name that other content has.")
    ] = "error",
    cert: Annotated[Path | None, typer.Option(help="With --to: a client certificate, in the token's place.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key, where that is another file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring in a tree of files, or an export into an empty workspace. Can be cut off and started again.

    With --to it goes to a Dossier elsewhere, as the one whose token is in DOSSIER_TOKEN."""
    from dossier import transfer, users

    if to:
        if as_:
            raise typer.BadParameter("With --to it is done as the one whose token it is: without --as.")
        _tell(send(path, to, workspace, folder, on_conflict, (cert, key), shows=not as_json), as_json)
        return
    if not workspace or cert or key or on_conflict != "error":
        raise typer.BadParameter("Say which one by --workspace; --on-conflict, --cert and --key go with --to.")

    async def do(parts: Parts) -> transfer.TreeReport | transfer.Report:
        actor = replace(await workspace_actor(parts, workspace), name="import")
        if as_:
            async with parts.units.read(actor) as unit:
                member_id = await users.find_member(unit, as_)
                member = member_id and await users.actor_of(unit, member_id)
            if not member:
                raise users.MemberNotFound(f"{as_} is no member of {workspace}.")
            actor = member
        with transfer.shown("files", wanted=not as_json) as progress:
            if not transfer.is_export(path):
                return await transfer.import_tree(parts, actor, path, [*filter(None, folder.split("/"))], progress)
            if folder or as_:
                raise Invalid("An export comes in as a whole, with its own people: without --folder and --as.")
            return await transfer.import_export(parts, actor, path, progress)

    _tell(run(do), as_json)


@cli.command("export")
def export(
    dest: Annotated[Path, typer.Argument(help="A folder that is empty, or holds an earlier export of the workspace.")],
    workspace: Workspace,
    as_json: AsJson = False,
) -> None:
    """Write a workspace with all versions, tasks and comments to plain folders and JSON."""
    from dossier import transfer

    async def do(parts: Parts) -> transfer.Report:
        actor = await workspace_actor(parts, workspace)
        with transfer.shown("documents", wanted=not as_json) as progress:
            return await transfer.export_workspace(parts, actor, dest, progress)

    _tell(run(do), as_json)


@storage_cli.command("copy")
def storage_copy(
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="A folder of contents, or s3://bucket/prefix?region=….")
    ],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="Likewise; DOSSIER_STORAGE_URL is to name it afterwards.")
    ],
    verify: Annotated[bool, typer.Option("--verify", help="Read back what is there already, and compare it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Copy every content that the database names to another storage. Can be cut off and started again."""
    from dossier import storage, transfer

    async def do(parts: Parts) -> transfer.Report:
        old, new = storage.open_store(parts.settings, source), storage.open_store(parts.settings, target)
        try:
            with transfer.shown("contents", wanted=not as_json) as progress:
                return await transfer.copy_storage(parts.units, old, new, progress, verify=verify)
        finally:
            await old.close()
            await new.close()

    report = run(do)
    if left := report.counts["unfinished"]:
        typer.echo(f"{left} unfinished uploads stay where they are: let them end first, or they begin anew.", err=True)
    _tell(report, as_json)


def _tell(report: Any, as_json: bool) -> None:
    """Print a report; exit code 1 where something failed."""
    from dossier.transfer import say

    if as_json:
        show(report.wire())
    else:
        typer.echo(say.summary(report))
        for line in say.faults(report):
            typer.echo(line, err=True)
    if report.failed:
        raise typer.Exit(1)


@cli.command()
def doctor(
    workspace: Annotated[str, typer.Option("--workspace", help="The workspace's slug; all of them without.")] = "",
    as_json: AsJson = False,
) -> None:
    """Verify every content against its digest and every row against the others; exit code 1 where a fault is found."""
    from dossier import transfer

    async def do(parts: Parts) -> transfer.Diagnosis:
        workspace_id = (await workspace_actor(parts, workspace)).workspace_id if workspace else None
        with transfer.shown("checks", wanted=not as_json) as progress:
            return await transfer.examine(parts, workspace_id, progress)

    found = run(do)
    if as_json:
        show(found.wire())
    else:
        transfer.say.print_diagnosis(found)
    if found.findings:
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
