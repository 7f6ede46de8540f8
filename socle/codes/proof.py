"""Codes of plans, verification, images, evidence, locks, faults of the tool."""

from __future__ import annotations

from socle.codes.code import Code

_UNSIGNED = "Do not deploy it; take the image again from its publisher."

CODES: dict[str, Code] = {
    "SOC-8101": Code("Something moved since the plan was made; nothing was changed.", "Make and review a new plan."),
    "SOC-8102": Code("The engine met an operation that the plan does not have.", "Make and review a new plan."),
    "SOC-8301": Code("The deployed service is not what the stack says.", "The report names the nodes and the flows."),
    "SOC-8302": Code("Something could not be looked at; unknown is no pass.", "The report says why, line by line."),
    "SOC-8303": Code("Nothing of this stack is deployed.", "Run `socle up STACK` first."),
    "SOC-8304": Code("The vault lacks secrets that the verification needs.", "Run `socle up STACK` again."),
    "SOC-8305": Code("This machine has no route into the lab.", "Run `socle lab up`, then `socle verify` again."),
    "SOC-8311": Code("npm is missing, and the browser's client comes by it.", "apt-get install npm, or use --native."),
    "SOC-8312": Code(
        "npm could not install the browser's client.", "Check access to the package index, or use --native."
    ),
    "SOC-8401": Code(
        "The cloud is not as it was applied: something is missing, was changed, or was added.",
        "`socle up STACK` puts back what was applied; what was added by hand is for whoever added it to remove.",
    ),
    "SOC-8501": Code("The registry lacks an image of the release, or a part of it.", "socle images import, or mirror."),
    "SOC-8502": Code("An image's signature is missing, or is not of the key that the release names.", _UNSIGNED),
    "SOC-8503": Code(
        "An image's bill of materials is missing, or is not of the key that the release names.", _UNSIGNED
    ),
    "SOC-8504": Code(
        "Something about the images is unknown; unknown is no pass.",
        "Record digest, `signed_by` and `sbom` in the release file, where their publisher offers them.",
    ),
    "SOC-8601": Code(
        "The folder holds no evidence that this version can read.", "Name a folder that `socle report` wrote."
    ),
    "SOC-8602": Code(
        "Evidence was changed, added or taken away after it was sealed.",
        "Do not rely on it; ask who keeps the original, or write it again.",
    ),
    "SOC-8603": Code(
        "Evidence is not signed by the key that is asked for.",
        "Ask who wrote it which key signs; see --key and --sign.",
    ),
    "SOC-8604": Code(
        "A key cannot be used: it is no Ed25519 key in PEM.", "openssl genpkey -algorithm ed25519 makes one."
    ),
    "SOC-9001": Code("A fault of the tool itself.", "SOCLE_DEBUG=1 shows where it happened; report it."),
    "SOC-9101": Code("Somebody else is working on this stack.", "Wait; the error says who."),
    "SOC-9102": Code("The engine's state is locked.", "Wait; if the holder is gone, the error says how to unlock."),
    "SOC-9103": Code("An earlier run left operations unfinished.", "Run `socle up STACK`: it looks at each of them."),
}
