"""Codes of nodes, the embedded cloud, this machine and the engine."""

from __future__ import annotations

from socle.codes.code import ARCHIVE, MEND, Code

_AGAIN = "Mend the cause that is named, then run `socle up` again: it goes on where it stopped."

CODES: dict[str, Code] = {
    "SOC-5001": Code("The cloud program gave no address of these nodes.", "Run `socle up` again."),
    "SOC-5101": Code("A node's SSH host key is not on its console, so nobody connects to it.", _AGAIN),
    "SOC-5102": Code("ssh-agent did not start or refuses the key.", "Check that OpenSSH is installed."),
    "SOC-5103": Code("A node could not be reached over SSH.", _AGAIN),
    "SOC-5104": Code("A node could not be configured.", _AGAIN),
    "SOC-5105": Code(
        "The release names no digest of an image, and images are pulled by digest alone.",
        "Record the digest in the release, or in the cloud's overlay.",
    ),
    "SOC-5106": Code("ansible-playbook ended before its end.", _AGAIN),
    "SOC-5201": Code("The stack's secrets cannot be decrypted.", "Use the passphrase that they were made with."),
    "SOC-5211": Code("Nobody can sign certificates for this cloud.", "Hand over the requests that the error names."),
    "SOC-5212": Code("A file is not a certificate and its key in PEM.", "Convert it with openssl."),
    "SOC-5213": Code("The certificate authority cannot be read.", "Check `certificates` in the cloud file."),
    "SOC-5214": Code(
        "A secret that somebody outside gives is neither in its file nor in the vault.",
        "Ask whoever registered Visio with the identity provider, and write the file that the error names.",
    ),
    "SOC-5215": Code("A secret that was handed over cannot be read.", "Check the file's owner, mode and encoding."),
    "SOC-5216": Code(
        "A secret was rotated lately, and calls still hold what was made of the value before.",
        "Wait until the moment that the error names.",
    ),
    "SOC-5301": Code("The name server cannot be updated.", "Check that it is reached and that its clock is right."),
    "SOC-5302": Code("The name server holds no such zone or refuses the key.", "Ask its administrator for the zone."),
    "SOC-5303": Code("The key for name updates cannot be read.", "Write it in nsupdate's syntax."),
    "SOC-5401": Code("The cloud program itself failed.", "SOCLE_DEBUG=1 shows where."),
    "SOC-5402": Code("The cloud program gives one name to two resources.", "Rename one of them in infra/."),
    "SOC-6001": Code("A program that the lab needs is missing.", "Install the package that the hint names."),
    "SOC-6002": Code("The keys of the Debian archive are missing.", "apt-get install debian-archive-keyring"),
    "SOC-6003": Code("Programs that the lab needs are missing.", "Install the packages that the hint names."),
    "SOC-6004": Code("This machine cannot run system containers.", "Use a machine with namespaces and cgroup 2."),
    "SOC-6005": Code("The disk has not enough room for the lab.", "Free the space that the error names."),
    "SOC-6006": Code(
        "The lab's device or addresses belong to somebody else; nothing was touched.",
        "Remove them, or change the ranges in stacks/clouds/lab.yaml.",
    ),
    "SOC-6007": Code("The lab needs root.", "Run it as root or install sudo."),
    "SOC-6010": Code("The lab's namespaces could not be made.", "See the hint, then `socle lab down`."),
    "SOC-6011": Code("The lab did not start.", "See the log that the error names, then `socle lab up` again."),
    "SOC-6012": Code(
        "The lab's compute hosts or volume stores did not appear.", "Run `socle lab up` again: it resumes."
    ),
    "SOC-6013": Code(
        "The lab that runs was made by another version of Socle; services cannot be added to it.",
        "Run `socle lab down`, then `socle lab up`.",
    ),
    "SOC-6014": Code(
        "The machine's apt has no source of Debian packages, from which the lab is built.",
        "Use a Debian machine, or add the source that the error names.",
    ),
    "SOC-6021": Code(
        "SOCLE_IMAGES names a folder that holds no readable SHA256SUMS.",
        "Name a folder with OCI archives (IMAGE.tar) and their SHA256SUMS, or unset the variable.",
    ),
    "SOC-6022": Code("An archive of SOCLE_IMAGES is missing, or is not its checksum's.", ARCHIVE),
    "SOC-6023": Code("npm is missing, and the lab's identity provider comes by it.", "apt-get install npm"),
    "SOC-6024": Code("The stack names an identity provider in the lab's domain that the lab does not have.", MEND),
    "SOC-7001": Code("The machine refused a file or a connection.", "The error names it: check rights and space."),
    "SOC-7102": Code("The passphrase file does not exist.", "Check the variable that names it."),
    "SOC-7103": Code("The disk that keeps the state is full.", "Free space; the state is whole."),
    "SOC-7104": Code("The passphrase does not open this state.", "Use the one that it was made with."),
    "SOC-7105": Code("The passphrase file is empty or cannot be read.", "Give a file with one line."),
    "SOC-7201": Code("A part of the engine could not be built.", "See the log that the hint quotes."),
    "SOC-7202": Code("make is missing, and the engine is built with it.", "apt-get install make"),
    "SOC-7203": Code("The disk has not enough room to build the engine.", "Free the space that the error names."),
    "SOC-7204": Code("The Go toolchain could not be installed.", "Install Go, or check access to the package index."),
    "SOC-7205": Code("A pinned version is missing from a file of the engine.", "Restore the file."),
    "SOC-7206": Code("A plugin of the engine could not be installed.", "Remove the cached engine and build it again."),
    "SOC-7207": Code("The engine ended without an answer that could be read.", "SOCLE_DEBUG=1 shows what it said."),
    "SOC-7211": Code("You stopped the engine; its state is saved.", "Run the same command again: it resumes."),
    "SOC-7212": Code("Something killed the engine.", "Run the same command again: it resumes."),
    "SOC-7301": Code("ssh-agent is missing.", "apt-get install openssh-client"),
    "SOC-7302": Code("A program is missing.", "Install the package that holds it."),
}
