"""What the portal needs: resumable uploads, notices, renditions; a pair of functions per room."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    uploads()
    notices()
    renditions()


def downgrade() -> None:
    no_renditions()
    no_notices()
    no_uploads()


def uploads() -> None:
    """Resumable uploads."""


def no_uploads() -> None: ...


def notices() -> None:
    """What people are told."""


def no_notices() -> None: ...


def renditions() -> None:
    """Previews made of versions."""


def no_renditions() -> None: ...
