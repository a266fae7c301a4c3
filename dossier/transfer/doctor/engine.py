"""What the database says of itself. SQLite only: a MySQL server checks its own pages."""

from dossier.core.units import ReadUnit
from dossier.transfer.doctor.patient import Patient

MOST = 100


async def check(patient: Patient) -> None:
    """The file's structure and every reference. Readers and writers go on meanwhile."""
    async with patient.read() as unit:
        if unit.session.get_bind().dialect.name == "sqlite":
            for (said,) in await _ask(unit, f"integrity_check({MOST})"):
                if said != "ok":
                    patient.found("database_damaged", "dossier.sqlite3", str(said))
            for table, rowid, parent, _key in (await _ask(unit, "foreign_key_check"))[:MOST]:
                patient.found("reference_broken", f"{table} row {rowid}", f"There is no such row in {parent}.")


async def _ask(unit: ReadUnit, pragma: str) -> list[tuple[object, ...]]:
    connection = await unit.session.connection()
    return [tuple(row) for row in (await connection.exec_driver_sql(f"PRAGMA {pragma}")).all()]
