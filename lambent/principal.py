"""Who makes a request: the one noun that the wire shares with everybody above it."""

import msgspec


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request, in IAM's terms (IAM User Guide, "AWS JSON policy elements: Principal")."""

    account: str = ""  # "": nobody signed
    arn: str = ""  # arn:aws:iam::ACCOUNT:root, …:user/NAME, arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION; "": none
    user_id: str = ""  # the account id of root, AIDA… of a user, AROA…:SESSION of a role
    access_key: str = ""
    role: str = ""  # of an assumed role: the role's own ARN
    service: str = ""  # an AWS service, as policies name it: "sns.amazonaws.com"
    proven: bool = False  # its signature was checked; otherwise this is what it claims


NOBODY = Principal()


def root_of(account: str, access_key: str = "") -> Principal:
    """The root of an account: who acts where nobody is named."""
    return Principal(account=account, arn=f"arn:aws:iam::{account}:root", user_id=account, access_key=access_key)
