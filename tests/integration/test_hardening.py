"""A real Debian 13, hardened by the base role over SSH, before the auditors of reviewers: OpenSCAP, lynis, ssh-audit.

The figures are printed, before and after. OpenSCAP's rules for Debian 13 come from the next Debian: Debian 13's own
package knows Debian 12 at most. Their question whether the node has a kernel of its own is answered with yes, so that
what they would skip in a container is judged too; what a container cannot show is in hardening.yaml, with its proof.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration import machine, nodes
from tests.integration.machine import Machine
from tests.integration.nodes import sh

pytestmark = pytest.mark.skipif(bool(nodes.why_not()), reason=nodes.why_not() or "-")

PROFILE = "xccdf_org.ssgproject.content_profile_anssi_bp28_enhanced"
CONTENT = "usr/share/xml/scap/ssg/content/ssg-debian13-ds.xml"
KERNEL = '<oval-def:criterion comment="kernel is installed" test_ref="oval:ssg-inventory_test_kernel_installed:tst:1"/>'
ANY = '<oval-def:extend_definition comment="Debian" definition_ref="oval:ssg-installed_OS_is_debian:def:1"/>'
SITE_ALIAS = "change_me@localhost"  # what a site has to say, the content leaves open
RESULT = re.compile(r'<rule-result idref="xccdf_org\.ssgproject\.content_rule_([^"]+)".*?<result>(\w+)</result>', re.S)
LIBRARIES = "/mnt/tools/usr/lib/x86_64-linux-gnu"
HERE = "/mnt/tools/usr/share/openscap"
OSCAP = (
    "env", f"OSCAP_SCHEMA_PATH={HERE}/schemas", f"OSCAP_CPE_PATH={HERE}/cpe", f"OSCAP_XSLT_PATH={HERE}/xsl",
    "OSCAP_FULL_VALIDATION=0", "/mnt/tools/usr/lib64/ld-linux-x86-64.so.2", "--library-path",
    f"{LIBRARIES}:{LIBRARIES}/systemd", "/mnt/tools/usr/bin/oscap",
)  # fmt: skip
LYNIS = (
    "cd /mnt/tools/usr/share/lynis && sh /mnt/tools/usr/sbin/lynis audit system --quick --no-colors --quiet"
    " --profile /mnt/tools/etc/lynis/default.prf --plugindir /mnt/tools/etc/lynis/plugins"
    " --logfile /run/lynis.log --report-file /run/lynis.dat"
)
WANTED = {"openscap": 95.0, "lynis": 85, "ssh-audit": 0}
SECRET = "-----BEGIN [A-Z ]*PRIVATE KEY-----[[:space:]]+(Proc-Type|[A-Za-z0-9+/]{40})"  # not code that looks for one
Groups = list[dict[str, Any]]


@dataclass(frozen=True)
class Audit:
    """`rules`: of OpenSCAP, by name, what each found. `lynis`: its index. `ssh`: the algorithms that fail."""

    rules: Mapping[str, str]
    lynis: int
    ssh: tuple[str, ...]

    def share(self, without: set[str]) -> float:
        judged = [
            found for rule, found in self.rules.items() if rule not in without and found in ("pass", "fail", "error")
        ]
        return 100 * judged.count("pass") / len(judged)

    def failing(self, without: set[str]) -> list[str]:
        return [rule for rule, found in self.rules.items() if rule not in without and found in ("fail", "error")]


def groups() -> Groups:
    listed: Groups = yaml.safe_load(Path(__file__).with_name("hardening.yaml").read_text())["groups"]
    return listed


def hidden_on(made: Machine) -> set[str]:
    """Rules that this node cannot show: of the groups whose proof holds on it."""
    return {rule for group in groups() if made.answers(group["proof"]) for rule in group["rules"]}


def openscap(made: Machine) -> dict[str, str]:
    content = (machine.auditors() / "scap" / CONTENT).read_text()
    assert content.count(KERNEL) == 1
    account = made.loaded.cloud.images[made.loaded.release.operating_system].user
    text = content.replace(KERNEL, ANY).replace(SITE_ALIAS, account)
    sh(*made.enter("sh", "-c", "cat > /run/content.xml"), input=text)
    sh(
        *made.enter(*OSCAP, "xccdf", "eval", "--skip-valid", "--profile", PROFILE, "--results", "/run/results.xml",
                    "/run/content.xml"), check=False,
    )  # fmt: skip
    return {
        rule: found for rule, found in RESULT.findall(made.run("cat", "/run/results.xml")) if found != "notselected"
    }


def ssh_audit(made: Machine) -> tuple[str, ...]:
    program = "import sys; sys.argv[0] = 'ssh-audit'; from ssh_audit.ssh_audit import main; sys.exit(main())"
    modules = machine.auditors() / "usr" / "lib" / "python3" / "dist-packages"
    done = sh(
        *made.outside(
            "env", f"PYTHONPATH={modules}", sys.executable, "-c", program, "-n", "--skip-rate-test", made.node.address
        ),
        check=False,
    )
    assert "(kex)" in done.stdout, done.stdout + done.stderr
    return tuple(re.findall(r"^\((\w+\) \S+)\s.*\[fail\]", done.stdout, re.M))


def audit(made: Machine) -> Audit:
    made.run("sh", "-c", LYNIS, check=False)
    index = re.search(r"hardening_index=(\d+)", made.run("cat", "/run/lynis.dat"))
    assert index
    return Audit(openscap(made), int(index[1]), ssh_audit(made))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("machine")
        patch.setenv("SOCLE_STATE", str(folder / "state"))
        with machine.booted(folder, machine.auditors()) as node:
            yield node


@pytest.fixture(scope="module")
def before(made: Machine) -> Audit:
    return audit(made)


@pytest.fixture(scope="module")
def after(made: Machine, before: Audit) -> Audit:
    made.play("base")
    made.run("systemctl", "start", "socle-integrity")  # what its timer does half an hour after a start
    return audit(made)


def test_the_auditors_find_a_hardened_node(
    made: Machine, before: Audit, after: Audit, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = hidden_on(made)
    figures = [
        (
            "OpenSCAP anssi_bp28_enhanced, % of what a container can show",
            *(f"{a.share(hidden):.1f}" for a in (before, after)),
        ),
        ("OpenSCAP, % of every rule that it judges", *(f"{a.share(set()):.1f}" for a in (before, after))),
        ("lynis, index", before.lynis, after.lynis),
        ("ssh-audit, failures", len(before.ssh), len(after.ssh)),
    ]
    with capsys.disabled():
        sys.stdout.write("\n" + "".join(f"{what}: {was} -> {now}\n" for what, was, now in figures))
        sys.stdout.write(f"not met: {', '.join(after.failing(hidden))}\n")
    assert after.share(hidden) >= WANTED["openscap"], after.failing(hidden)
    assert after.lynis >= WANTED["lynis"]
    assert not after.ssh


def test_what_does_not_count_cannot_be_shown_here(made: Machine, after: Audit) -> None:
    """On another machine, with another kernel, a proof may fail: then its rules count."""
    listed = [rule for group in groups() for rule in group["rules"]]
    assert len(listed) == len(set(listed))
    assert not set(listed) - set(after.rules), "rules that the profile does not have"
    assert not [rule for rule in listed if after.rules[rule] in ("notapplicable", "notchecked")]
    assert hidden_on(made) <= set(listed)
    assert len(hidden_on(made)) >= 20, "the proofs themselves are broken"
    assert "sudo_add_use_pty" not in hidden_on(made)


def test_no_secret_can_be_read_by_all(made: Machine, after: Audit) -> None:
    # of others: files that are theirs to read and hold a private key, or that anybody may write
    found = made.run(
        "sh", "-c", "find / -xdev -path /mnt -prune -o -type f -perm -0004 -size -64k -print0"
        f" | xargs -0 grep -lzE -e '{SECRET}'", check=False,
    )  # fmt: skip
    assert not found.split()
    written = made.run("sh", "-c", "find / -xdev -path /mnt -prune -o -type f -perm -0002 -print", check=False)
    assert not written.split()
    for path in ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/nftables.conf", "/var/lib/aide/aide.db"):
        assert made.answers(f"test $((0$(stat -c %a {path}) & 7)) = 0"), path


def test_the_seals_tell_a_file_that_somebody_changed(made: Machine, after: Audit) -> None:
    made.run("systemctl", "start", "socle-integrity")
    made.run("sh", "-c", "echo '# not ours' >> /etc/profile")
    assert not made.answers("systemctl start socle-integrity")
    assert "/etc/profile" in made.run("journalctl", "-q", "-u", "socle-integrity", "-o", "cat", "--no-pager")
    made.run("sh", "-c", "sed -i '$d' /etc/profile; systemctl reset-failed socle-integrity")
    made.run("systemctl", "start", "socle-integrity")


def test_a_second_run_changes_nothing(made: Machine, after: Audit) -> None:
    assert made.play("base")["changed"] == 0, [event for event in made.events if event["event"] == "changed"]


def test_nothing_failed_and_the_operator_still_administers(made: Machine, after: Audit) -> None:
    assert not made.run("systemctl", "--failed", "--no-legend").strip()
