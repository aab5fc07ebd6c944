"""A systemd unit that runs `flowhouse serve` for one home, as a user without rights."""

from pathlib import Path

from ingestion.errors import UsageError

UNIT = """\
# ~/.config/systemd/user/flowhouse.service, then:
#   systemctl --user enable --now flowhouse    and, to run without a login:  loginctl enable-linger
[Unit]
Description=flowhouse: who sells Bitcoin and its peers, who buys

[Service]
ExecStart=:{command} serve --home {home} --port {port}
Restart=on-failure
RestartSec=30
# A wrong configuration or a taken port stays wrong until a person mends it.
RestartPreventExitStatus=2
# serve ends its processes itself within 10 s; what is left then is killed.
KillMode=mixed
TimeoutStopSec=20
Nice=5
UMask=0077
NoNewPrivileges=true
LockPersonality=true
RestrictRealtime=true
RestrictSUIDSGID=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""


def unit(command: Path, home: Path, port: int) -> str:
    """The text of a user unit.

    Args:
        command: the `flowhouse` of this installation.
        home: the home folder.
        port: of the web UI.

    Raises:
        UsageError: no unit can hold one of the paths.
    """
    if {'"', "'", "\\"} & set(str(command)):
        raise UsageError(f"systemd runs no program whose path has quotes or backslashes: install {command} elsewhere.")
    return UNIT.format(command=_quoted(command), home=_quoted(home), port=port)


def _quoted(path: Path) -> str:
    """A path as one word of a unit's command line; the colon before the command lets a $ mean itself.

    Raises:
        UsageError: no unit can hold the path.
    """
    text = str(path.absolute())
    if not text.isprintable():
        raise UsageError(f"{text!r} holds a character that no unit can: give the home another name.")
    for special, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        text = text.replace(special, escaped)
    return f'"{text}"'
