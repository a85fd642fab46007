"""Takes the secrets out of a command line, on the host, before anything is kept or sent. Pure: a list in, a list out.

Where a form can be read both ways, the text goes: a lost word costs less than a leaked one. What only looks alike
stays: `cp -pr`, `ssh -p 22`, `--password-file x`, `sort --key 2`. Redacting twice gives the same as redacting once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

REDACTED = "[redacted]"
DEEPEST = 6
"""How many quotes inside quotes are looked into; what lies deeper goes altogether."""

SUSPICIOUS = (
    *("pass", "pwd", "secret", "token", "key", "cred", "auth", "bearer", "cookie", "@", "sig", "://"),
    *("mysql", "mariadb", "curl", "http", "xh", "wget", "private", "akia", "asia", "eyj"),
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gl", "xox", "xapp-", "k_live_", "k_test_"),
    *("whsec_", "aiza", "npm_", "pypi-", "hvs.", "sk-", "dop_v1_", "sg.", "cmk_", "cmt_"),
)
"""A line without any of these (in lower case) has nothing to hide: ordinary lines stop here."""

MYSQL = re.compile(r"(?:mysql|mariadb)[\w.-]*$")
MYSQL_PASSWORD = re.compile(r"(-[ABbCcEfGHijLNnoqrsTtVvwX]*p)(.+)$", re.DOTALL)
SSHPASS_PASSWORD = re.compile(r"(-[vV]*p)(.+)$", re.DOTALL)
CURL_USER = re.compile(r"(-[sSkLfivgGIN#046]*[uU])(.*)$", re.DOTALL)
USER_FLAGS = {
    "curl": ("--user", "--proxy-user"),
    "http": ("-a", "--auth"),
    "https": ("-a", "--auth"),
    "xh": ("-a", "--auth"),
}
SORTS = ("sort", "gsort")
"""Their `--key` names a column."""
WRAPPERS = frozenset(
    (
        "sudo", "doas", "env", "nice", "ionice", "nohup", "timeout", "setsid", "strace", "ltrace", "time",
        "docker", "podman", "nerdctl", "kubectl", "oc", "crictl", "lxc", "nsenter", "unshare", "chroot", "su",
        "runuser", "setpriv", "gosu", "su-exec", "ssh", "xargs", "exec", "command", "sshpass", "watch",
        "flock", "parallel", "busybox", "find", "systemd-run", "stdbuf", "taskset", "numactl", "chrt", "tini",
        "dumb-init", "catchsegv", "proxychains", "proxychains4", "torsocks", "sh", "bash", "dash",
    )
)  # fmt: skip
"""Programs that start the program named after them."""

OPTION = re.compile(r"(--?)([A-Za-z][\w.-]*)(?:([=:])(.*))?$", re.DOTALL)
ASSIGNMENT = re.compile(r"([A-Za-z_][\w.-]*)(\+?=)(.*)$", re.DOTALL)
LOOKS_LIKE_OPTION = re.compile(r"--[a-z][a-z0-9-]*(?:=.*)?$|-[A-Za-z]$", re.DOTALL)
WORD = re.compile(r"""(?:[^\s'"\\]|\\[\s\S]|'[^']*'|"(?:\\[\s\S]|[^"\\])*"|['"\\])+""")
OPERATOR = re.compile(r"[;|&()`]+|^[{}!]+$")
QUOTED = re.compile(r"""'[^']*'|"(?:\\[\s\S]|[^"\\])*"|\\[\s\S]""")
BLANK = re.compile(r"\s")


def redact(arguments: list[str]) -> list[str]:
    """The same arguments, each secret in them replaced by `[redacted]`."""
    low = "\n".join(arguments).lower()
    if not any(hint in low for hint in SUSPICIOUS):
        return arguments
    return _Reader(0).read(arguments)


@dataclass(slots=True)
class _Reader:
    """Reads one command line from left to right."""

    depth: int
    program: str = ""
    """The program that the word at hand belongs to, as far as it matters."""
    seeking: bool = True
    """Whether a program may still follow: at the start, and after a program that starts another one."""
    torn: bool = False
    """Whether a program's name may have gone with a secret: then no program is trusted to mean something harmless."""
    hide: Callable[[str], str] | None = None
    """What the word before makes of this one."""

    def read(self, words: list[str]) -> list[str]:
        return [self._word(word) for word in words]

    def _word(self, word: str, raw: str = "") -> str:
        """`raw` is the word with its quotes: what stands inside them ends no command."""
        hide, self.hide = self.hide, None
        if hide is not None and not LOOKS_LIKE_OPTION.match(word):
            told = hide(word)
        else:
            told = self._option(word) or self._assignment(word) or self._value(word)
        return self._after(told, raw or word)

    def _after(self, told: str, raw: str) -> str:
        """Put back the end of a command that went with a secret: a second reading must see what the first saw."""
        ends = self.depth > 0 and OPERATOR.search(QUOTED.sub("", raw)) is not None
        if REDACTED not in told:
            self.torn = self.torn and not ends
            self._follow(raw)
            return told
        self.torn = self.torn or ends
        self._follow(raw if ends else told)
        return told + ";" if ends and not OPERATOR.search(QUOTED.sub("", told)) else told

    def _follow(self, word: str) -> None:
        """Notice which program is speaking from here on."""
        bare = QUOTED.sub("", word)
        splits = bare and (self.depth or OPERATOR.fullmatch(bare))
        *before, last = OPERATOR.split(bare) if splits else [word]
        if before:
            self.program, self.seeking = "", True
        if not last or last.startswith("-") or not self.seeking or ASSIGNMENT.match(last):
            return
        name = last.strip("'\"$").rpartition("/")[2].lower()
        if not self.program or self.program == "sshpass" or _matters(name) or name in WRAPPERS:
            self.program = name
            self.seeking = name in WRAPPERS

    def _option(self, word: str) -> str | None:
        if word.startswith("-"):
            special = self._special_option(word)
            if special is not None:
                return special
            option = OPTION.match(word)
            if option:
                return self._named_option(*option.groups())
        elif word == "Bearer":
            self.hide = _all
        return None

    def _special_option(self, word: str) -> str | None:
        """The short forms that only some programs have."""
        if self.program == "sshpass" and word == "-p":
            self.hide = _all
            return word
        form = SSHPASS_PASSWORD if self.program == "sshpass" else MYSQL_PASSWORD if MYSQL.match(self.program) else None
        glued = form.match(word) if form and not word.startswith("--") else None
        return glued.group(1) + REDACTED if glued else self._credentials_option(word)

    def _credentials_option(self, word: str) -> str | None:
        """`-u user:password` of curl and its like; a user alone is no secret."""
        flag, equals, value = word.partition("=")
        if flag in USER_FLAGS.get(self.program, ()):
            self.hide = None if equals else _credentials
            return f"{flag}={_credentials(value)}" if equals else word
        short = CURL_USER.match(word) if self.program == "curl" else None
        if short is None:
            return None
        self.hide = None if short.group(2) else _credentials
        return short.group(1) + (_credentials(short.group(2)) if short.group(2) else "")

    def _named_option(self, dashes: str, name: str, sign: str | None, value: str | None) -> str | None:
        plain = dashes == "--" and name.lower() == "key" and (self.torn or self.program not in SORTS)
        secret = plain or is_secret_name(name, asking=sign is not None)
        if sign is None or not value:
            self.hide = _all if secret and sign is None else None
            return dashes + name + (sign or "") if secret else None
        return dashes + name + sign + (REDACTED if secret else self._nested(value))

    def _assignment(self, word: str) -> str | None:
        pair = ASSIGNMENT.match(word)
        if pair is None or not pair.group(3):
            return None
        name, sign, value = pair.groups()
        if is_credential_pair(name) and not (name in _folders and value.startswith("/")):
            return name + sign + REDACTED
        return name + sign + self._nested(value)

    def _nested(self, value: str) -> str:
        """The value of an option or a variable may be an assignment or a whole command of its own."""
        found = self._assignment(value)
        return self._value(value) if found is None else hide_known_forms(found)

    def _value(self, word: str) -> str:
        word = hide_known_forms(word)
        return self._text(word) if BLANK.search(word) else word

    def _text(self, text: str) -> str:
        """An argument of several words: what a shell, a cron line or another host will read."""
        if self.depth >= DEEPEST:
            return REDACTED
        inner = _Reader(self.depth + 1)
        pieces, end = [], 0
        for found in WORD.finditer(text):
            gap = text[end : found.start()]
            if "\n" in gap:
                inner.program, inner.seeking = "", True
            pieces += [gap, inner._quoted(found.group())]
            end = found.end()
        return "".join(pieces) + text[end:]

    def _quoted(self, word: str) -> str:
        """A word as a shell has it: one that is quoted as a whole is read without its quotes."""
        quote = word[0]
        if len(word) > 2 and quote in "'\"" and word[-1] == quote and quote not in word[1:-1]:
            return quote + self._word(word[1:-1], word) + quote
        return self._word(word)


def _matters(name: str) -> bool:
    return name in USER_FLAGS or name in SORTS or MYSQL.match(name) is not None


def _all(_: str) -> str:
    return REDACTED


def _credentials(value: str) -> str:
    user, colon, password = value.partition(":")
    return user + colon + REDACTED if password else value


_camel = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_secret = re.compile(
    r"(?:password|passwd|passphrase|passcode|secret|token|api-?key|storepass|keypass)$"
    r"|(?:^|-)(?:pass|pwd|passin|passout|credentials?)$"
    r"|(?:access|secret|auth|account|encryption|private|signing|master|shared|license|subscription)-?key$"
    r"|(?:^|-)secret-id$"
)
_asking = re.compile(r"(?:no|ask|prompt|skip|without|disable|require|show|change|generate)-")
_key_variable = re.compile(r"(?!.*(?:PUBLIC|SORT|PRIMARY|FOREIGN)_KEY$)[A-Z][A-Z0-9_]*_KEY$")
_folders = frozenset({"PWD", "OLDPWD"})
_in_urls = frozenset({"key", "sig", "signature", "x-amz-signature", "x-goog-signature", "auth", "sas", "code"})


def is_secret_name(name: str, *, asking: bool = True) -> bool:
    """`--db-password`, `DB_PASSWORD`, `dbPassword`. Unless `asking`, `--no-password` and `--ask-pass` are none."""
    plain = _camel.sub("-", name).lower().replace("_", "-").replace(".", "-")
    return _secret.search(plain) is not None and (asking or not _asking.match(plain))


def is_credential_pair(name: str) -> bool:
    """A variable's or parameter's name: as `is_secret_name`, and `STRIPE_KEY`."""
    return is_secret_name(name) or _key_variable.match(name) is not None


_url_password = re.compile(
    r"""(://[^\s/:@?\#'"\[]*:)(?:[^\s/?\#'"]+@|(?!\d{1,5}(?:[/?\#\s'"]|$))[^\s'"]{1,256}@)""",
)
_url_user = re.compile(r"(://)[A-Za-z0-9_.~%-]{20,}@")
_header = re.compile(
    r"""(?i)(?P<quote>['"])?(?<![\w/-])"""
    r"((?:proxy-)?authorization\s*:|(?:set-)?cookie\s*:|(?:private|job|deploy)-token\s*:"
    r"|x-(?:[\w-]+-)?(?:key|token|secret|password|signature)\s*:"
    r"|(?:[\w-]*-)?(?:api-?key|token|secret|password)\s*:(?=\s))"
    r"(\s*(?:(?:basic|bearer|digest|token|apikey|negotiate|aws4-hmac-sha256)\s+)?)"
    r"(?!\s)(?(quote)(?:(?!(?P=quote))[^\r\n])+|[^\r\n]+)"
)
"""A header goes to the end of its quotes, or of its line where it has none."""
_bearer = re.compile(r"(?i)(\bbearer\s+)(?!\[redacted\])[^\s'\"]+")
_json = re.compile(r"""(?i)(\\?["']([\w.-]+)\\?["']\s*:\s*)(\\?"(?:[^"\\]|\\[^"])*\\?"|'[^']*'|[^\s,}"'\\]+)""")
_parameter = re.compile(r"""(?<=[?&;,])([\w.-]+)=(.+?)(?=[&;,\#][\w.-]+=|[\s"'\#]|$)""")
_private = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\Z)"
)
_prefixed = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}"
    r"|gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[\w.-]{16,}"
    r"|xox[abeoprs]-[\w-]{8,}|xapp-[\w-]{8,}"
    r"|[srp]k_(?:live|test)_\w{8,}|whsec_\w{8,}"
    r"|AIza[\w-]{35}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{16,}|hvs\.[\w-]{16,}|sk-[\w-]{20,}|dop_v1_[0-9a-f]{16,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])(?::[A-Za-z0-9/+=]{40})?"
    r"|cm[kt]_[A-Za-z0-9_-]{32,}"
    r"|eyJ[\w-]{6,}\.[\w-]{4,}\.[\w-]*"
    r")"
)


def hide_known_forms(text: str) -> str:
    """Every secret that is known by its own form, or by what stands around it in the same argument."""
    text = _private.sub(REDACTED, text)
    if "://" in text:
        text = _url_user.sub(rf"\1{REDACTED}@", _url_password.sub(rf"\1{REDACTED}@", text))
    if ":" in text:
        text = _json.sub(_without_value, _header.sub(_without_header, text))
    if "=" in text:
        text = _parameter.sub(_without_parameter, text)
    return _prefixed.sub(REDACTED, _bearer.sub(rf"\1{REDACTED}", text))


def _without_header(found: re.Match[str]) -> str:
    return f"{found.group('quote') or ''}{found.group(2)}{found.group(3)}{REDACTED}"


def _without_value(found: re.Match[str]) -> str:
    if not is_credential_pair(found.group(2)):
        return found.group()
    quotes = re.match(r"""\\?["']""", found.group(3))
    quote = quotes.group() if quotes else ""
    return f"{found.group(1)}{quote}{REDACTED}{quote}"


def _without_parameter(found: re.Match[str]) -> str:
    name = found.group(1)
    secret = is_credential_pair(name) or name.lower().replace("_", "-") in _in_urls
    return f"{name}={REDACTED}" if secret else found.group()
