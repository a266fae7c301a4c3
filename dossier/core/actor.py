"""Who does something: a person, a token of theirs, a partner's program, or the system itself."""

from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from dossier.core.errors import Forbidden

Role = Literal["viewer", "editor", "owner"]
RANK: dict[str, int] = {"viewer": 1, "editor": 2, "owner": 3}


class NotAllowed(Forbidden):
    """The actor's role in this scope, or the token's scope, does not reach."""

    code = "not_allowed"
    title = "Your role does not allow this"


@dataclass(frozen=True, slots=True)
class Actor:
    """One actor in one workspace. ``member_id`` is None for the system; ``may`` is what the credential allows."""

    workspace_id: UUID
    member_id: UUID | None
    user_id: UUID | None
    name: str
    role: Role
    kind: Literal["person", "token", "service", "system"] = "person"
    may: frozenset[str] = field(default=frozenset({"read", "write", "admin"}))

    @classmethod
    def system(cls, workspace_id: UUID, name: str = "system") -> "Actor":
        """The program itself, with an owner's rights in one workspace."""
        return cls(workspace_id, None, None, name, "owner", "system")

    def require(self, role: Role) -> None:
        """Refuse (403) when the workspace role is below ``role``."""
        if RANK[self.role] < RANK[role]:
            raise NotAllowed(f"This needs the role {role} in the workspace.")

    def require_scope(self, scope: Literal["read", "write", "admin"]) -> None:
        """Refuse (403) when the token or certificate was not given ``scope``."""
        if scope not in self.may:
            raise NotAllowed(f"The credential lacks the scope {scope}.")

    def require_admin(self) -> None:
        """Refuse (403) all but owners whose credential has the scope admin."""
        self.require("owner")
        self.require_scope("admin")


NOBODY: Final = Actor.system(UUID(int=0))
"""Who asks before it is known who asks: in no workspace."""
