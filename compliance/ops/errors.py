"""What goes wrong with AWS, as the house's errors: each has a place in the tree of `compliance.errors`.

ComplianceError
├── Failed          exit 1: CloudFormation did not reach what was asked; `first` is the reason that came first
├── Declined        exit 1: a person said no, or nobody was there to say yes
├── NotThere        exit 1: a stack, an image or a repository that does not exist (yet)
├── WrongUsage
│   └── Nowhere     exit 2: no credentials, no region, a profile that is not configured
├── Unreachable
│   └── Throttled   exit 3: AWS asks to be called less often, and did so after every retry
└── Refused
    ├── Denied      exit 4: no permission; the sentence names the action
    └── Stale       exit 4: credentials that AWS does not take (any more)
"""

from __future__ import annotations

from compliance.errors import ComplianceError, Refused, Unreachable, WrongUsage


class Failed(ComplianceError):
    """A stack ended where it should not; the sentence holds the first failure and the next command."""


class NotThere(ComplianceError):
    """AWS does not know it."""


class Nowhere(WrongUsage):
    """Whose AWS, or which region of it, was not said."""


class Throttled(Unreachable):
    """Too many calls at once, from us or from others of the account."""


class Denied(Refused):
    """These credentials may not do it."""


class Stale(Refused):
    """These credentials are expired, revoked, or of another partition."""


class Declined(ComplianceError):
    """A person, or the lack of one, said no: nothing was done."""
