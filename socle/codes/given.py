"""Codes of what was given: the command line, files, the gate."""

from __future__ import annotations

from socle.codes.code import ARCHIVE, MEND, Code

CODES: dict[str, Code] = {
    "SOC-1001": Code("The file or the stack does not exist, or is not UTF-8 text.", "Check the name; see stacks/."),
    "SOC-1002": Code("The file is not valid YAML.", MEND),
    "SOC-1003": Code("A key is written twice, so one of the two would be lost.", MEND),
    "SOC-1004": Code(
        "The file is too large, too deep, or its aliases grow too far.", "Write it flat, without aliases."
    ),
    "SOC-1005": Code("The file holds a list or a single value where keys are expected.", MEND),
    "SOC-1006": Code(
        "The file holds a character that cannot be seen: it makes a text read otherwise than it is written.",
        "Delete it at the place that the error names.",
    ),
    "SOC-1101": Code("A key is not known; it may be misspelt.", MEND),
    "SOC-1102": Code("A key that has no default is missing.", MEND),
    "SOC-1103": Code("The value is none of those that the key allows.", MEND),
    "SOC-1104": Code("The value has the wrong type or form.", MEND),
    "SOC-1105": Code("The value is outside the limits of the key.", MEND),
    "SOC-1106": Code("The key has another name since an earlier release.", MEND),
    "SOC-1107": Code("A stack is named after its file: 1 to 15 lower-case letters and digits.", "Rename the file."),
    "SOC-1201": Code("Two address blocks overlap.", "Choose a block of the stack that nothing around it uses."),
    "SOC-1202": Code("No file of stacks/clouds/ has this name.", MEND),
    "SOC-1203": Code("No file of stacks/releases/ has this name.", MEND),
    "SOC-1204": Code("The sizes contradict each other or ask for more than a network holds.", MEND),
    "SOC-1205": Code("The availability asks for more zones than the cloud offers.", MEND),
    "SOC-1206": Code("The cloud has no image of the release's system.", "Add the image to the cloud file."),
    "SOC-1207": Code("The provider oidc needs the address of its issuer.", MEND),
    "SOC-1208": Code("The stack's block is too small or too large; each tier takes a /24 of it.", MEND),
    "SOC-1209": Code("The stack's block is not of private addresses.", MEND),
    "SOC-1210": Code("No flavour of the cloud is large enough.", "Add a larger flavour to the cloud file."),
    "SOC-1211": Code("The release lacks an image that the nodes run.", "Add the image to the release file."),
    "SOC-1212": Code("An ACME authority needs its directory and the country it is established in.", MEND),
    "SOC-1213": Code("Another size is asked for a tier that does not exist.", MEND),
    "SOC-1214": Code("Another flavour is asked for than the cloud file has.", MEND),
    "SOC-1215": Code("An assumption is explained for a key that the file does not write.", MEND),
    "SOC-1220": Code(
        "A number is outside what the sizing model knows.", "Give a number within the limits that the hint names."
    ),
    "SOC-1221": Code(
        "One stack is one LiveKit domain, and a domain is planned with a limited number of media nodes.",
        "Split the organisation into several stacks; `socle size` says how many. docs/sizing.md says why.",
    ),
    "SOC-1222": Code(
        "Calls need this tier: a stack without it would carry none.",
        "Give it one node at least, or leave the override out.",
    ),
    "SOC-1223": Code(
        "Phone calls come from the operator alone, so its addresses must be known.",
        "Write the operator's blocks in telephony.trunk, or switch features.telephony off.",
    ),
    "SOC-1224": Code(
        "Nodes reach the cloud's object store by an address and a port that the cloud file must say.",
        "Write surroundings.objects in the cloud file, or take object-store out of its services.",
    ),
    "SOC-1225": Code(
        "Visio's own nodes are asked for, and nobody says who its users are.",
        "Write identity.provider, or leave application, workers, database and cache out with a reason.",
    ),
    "SOC-1226": Code(
        "The endpoints follow from the issuer for ProConnect and Keycloak alone.",
        "Write identity.endpoints in the stack file.",
    ),
    "SOC-1227": Code(
        "Only the mirror nodes ask outside, so the cloud file must say where the identity provider answers them.",
        "Write surroundings.identity in the cloud file, with the name that the issuer has.",
    ),
    "SOC-1228": Code(
        "Visio's own nodes work with a database and a cache, and workers with application nodes.",
        "Give the tiers that the error names nodes, or leave application, workers, database and cache out.",
    ),
    "SOC-1229": Code(
        "Only the mirror nodes reach servers outside, so the cloud file must say where the log collector answers them.",
        "Write surroundings.logs in the cloud file, with the name that monitoring.logs_to has.",
    ),
    "SOC-1230": Code(
        "An ACME authority looks for proofs in the DNS, where nobody but a person writes.",
        "Let the cloud file say how records are made (dns.update), or have certificates handed over.",
    ),
    "SOC-1231": Code(
        "A stack has public IPv6 addresses of what its cloud routes to projects, on a network of its own.",
        "Take a block of the cloud file's external_network.ipv6, or leave network.ipv6 out.",
    ),
    "SOC-1301": Code("The plan file cannot be read.", "Make a new plan: `socle plan`."),
    "SOC-1302": Code("The file is no plan, or another version of Socle made it.", "Make a new plan: `socle plan`."),
    "SOC-1303": Code("The plan was edited after it was made.", "Make a new plan and have it reviewed again."),
    "SOC-1304": Code("What destroys data asks for the stack's name.", "Give the name that the hint prints."),
    "SOC-1305": Code("The plan is another stack's.", "Give the plan of this stack."),
    "SOC-1306": Code(
        "A restore goes to a moment of the past, and a moment without a time zone is two.",
        "Write it with its time zone, or leave it out for the latest moment in the backups.",
    ),
    "SOC-2101": Code("No node of the stack has this name.", "See `socle show STACK --nodes`."),
    "SOC-2102": Code(
        "Only some secrets can be given a new value while they are used.",
        "The hint names them; another one is changed in a maintenance window.",
    ),
    "SOC-2103": Code(
        "Only nodes that carry calls, answer users or work off jobs are drained.",
        "Restart the node, one of its tier at a time; who uses it goes on with another.",
    ),
    "SOC-1401": Code("The file is no OCI archive or layout.", ARCHIVE),
    "SOC-1402": Code("The archive is damaged, cut short or incomplete; nothing was named in the registry.", ARCHIVE),
    "SOC-1403": Code(
        "The archive holds what no image holds: entries that lead out of it, links, too much; it was not read.",
        "Do not use it; ask who made it.",
    ),
    "SOC-1404": Code("The archive holds no image for the nodes' platform, or several.", ARCHIVE),
    "SOC-1405": Code("The archive does not name its image, and no release has one of the file's name.", "Rename it."),
    "SOC-1406": Code("The file with the registries' credentials cannot be read.", "Sign in again: podman login."),
    "SOC-1407": Code("The archive holds another version or another content than the release records.", ARCHIVE),
    "SOC-1408": Code("It is not said which registry is meant.", "Give --registry HOST[:PORT], or name a stack."),
    "SOC-1409": Code("The registry's certificate authority cannot be read.", "Check `ca_certificate` of the cloud."),
    "SOC-1410": Code("A key of the release is none that signatures are checked with.", MEND),
    "SOC-1411": Code(
        "Images are mirrored by digest, and the release records none for this one.",
        "Check that the digest in the hint is the publisher's, and record it in the release file.",
    ),
    "SOC-1501": Code(
        "git is missing, or the folder of the stack is in no git repository.", "Install git, or compare files."
    ),
    "SOC-1502": Code(
        "The repository has no such revision.",
        "See `git log` and `git branch --all`; a shallow clone lacks older ones.",
    ),
    "SOC-1503": Code(
        "The revision does not hold the stack's file.",
        "See `git log` of the file: it had another name or did not exist yet.",
    ),
    "SOC-3001": Code(
        "A critical or high control failed and no valid waiver covers it.",
        "See `socle check STACK`; each failure names its line and its remedy.",
    ),
    "SOC-3002": Code("A rule could not run or said nothing, so there is no verdict.", "This is a fault of the tool."),
    "SOC-3003": Code(
        "A rule is registered wrongly: its control or phase is unknown, or judged twice.",
        "Mend policies/rules/ or policies/controls.yaml.",
    ),
    "SOC-3004": Code("A row of policies/controls.yaml is incomplete or written twice.", "Mend the row."),
    "SOC-3005": Code("No control and no error has this code.", "See `socle rules --all`."),
    "SOC-3006": Code(
        "Rules of a ministry's own cannot be run.", "Mend the file, in the folder that SOCLE_POLICIES names."
    ),
    "SOC-3007": Code(
        "A rule fails a good stack, or does not see what its own mutation spoils: it proves nothing.",
        "Mend the rule or its `broken_by`; `socle rules --prove STACK` tells whether it bites.",
    ),
    "SOC-3101": Code("A waiver or a statement names a control that does not exist.", MEND),
    "SOC-3102": Code("A waiver or a statement names a stack that does not exist, so it would concern nothing.", MEND),
    "SOC-3103": Code("A statement ends before it begins, or holds for more than a year.", MEND),
    "SOC-3104": Code("No document of the catalogue has this key, nor this word in its title.", "See `socle rules`."),
    "SOC-3105": Code(
        "A waiver is approved by who owns it.", "Have somebody else approve it, who answers for the risk."
    ),
    "SOC-3106": Code("A waiver is for whatever stack there is.", "Name the stacks, or a pattern of their names."),
    "SOC-3107": Code("A waiver would end before it begins.", "Give a day to come: --until 2027-06-30."),
    "SOC-3201": Code(
        "The plan would replace or delete what carries calls, data or a public address.",
        "If it is meant, name each resource on the command line, as the hint shows.",
    ),
    "SOC-3401": Code(
        "Between two runs, something got worse: it fails, or can no longer be seen.",
        "The table names each rule and subject; `socle explain` says how a control is judged.",
    ),
    "SOC-3301": Code(
        "checkov is not installed, or it did not run every rule.",
        "Install it in an environment of its own and name it in SOCLE_CHECKOV. The gate judges without it.",
    ),
}
