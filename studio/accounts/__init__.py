"""Who is who: people with roles, their passwords, sessions, API keys, invitations, and whose source pictures are whose.

While there is nobody, the studio belongs to whoever sits at the machine, and nobody logs in. The first account takes
over what was made until then. Secrets are kept as hashes only; it refuses to tell one a second time.
"""

from __future__ import annotations

from studio.accounts.accounts import Accounts
from studio.accounts.belongings import Belongings
from studio.accounts.caller import LOCAL, Caller, Role
from studio.accounts.client_options import ClientOptions
from studio.accounts.people import Person

__all__ = ["LOCAL", "Accounts", "Belongings", "Caller", "ClientOptions", "Person", "Role"]
