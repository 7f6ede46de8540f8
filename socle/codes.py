"""Every error code: what it means and what to do. `socle explain` and the documentation read this table.

The first digit says the room: 1 input, 2 to 3 the stack and the gate, 4 cloud, 5 nodes, 6 lab, 7 machine and engine,
8 plan and verification, 9 locks and faults. The exit code belongs to the error's class, not to its code.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    meaning: str
    remedy: str


_MEND = "Mend the place that the error names (file:line:column) and run the command again."
_CLOUD = "Nothing was changed that is not recorded: mend the cause and run the same command again."
_ASK = "Ask the ministry's cloud team; nothing was made."
_AGAIN = "Mend the cause that is named, then run `socle up` again: it goes on where it stopped."
_ARCHIVE = "Take the archive again from where it was made, with its checksum."
_REGISTRY = "Mend the cause and run the same command again: what is in the registry is not sent again."
_UNSIGNED = "Do not deploy it; take the image again from its publisher."

CODES: dict[str, Code] = {
    "SOC-1001": Code("The file or the stack does not exist, or is not UTF-8 text.", "Check the name; see stacks/."),
    "SOC-1002": Code("The file is not valid YAML.", _MEND),
    "SOC-1003": Code("A key is written twice, so one of the two would be lost.", _MEND),
    "SOC-1004": Code(
        "The file is too large, too deep, or its aliases grow too far.", "Write it flat, without aliases."
    ),
    "SOC-1005": Code("The file holds a list or a single value where keys are expected.", _MEND),
    "SOC-1006": Code(
        "The file holds a character that cannot be seen: it makes a text read otherwise than it is written.",
        "Delete it at the place that the error names.",
    ),
    "SOC-1101": Code("A key is not known; it may be misspelt.", _MEND),
    "SOC-1102": Code("A key that has no default is missing.", _MEND),
    "SOC-1103": Code("The value is none of those that the key allows.", _MEND),
    "SOC-1104": Code("The value has the wrong type or form.", _MEND),
    "SOC-1105": Code("The value is outside the limits of the key.", _MEND),
    "SOC-1106": Code("The key has another name since an earlier release.", _MEND),
    "SOC-1107": Code("A stack is named after its file: 1 to 15 lower-case letters and digits.", "Rename the file."),
    "SOC-1201": Code("Two address blocks overlap.", "Choose a block of the stack that nothing around it uses."),
    "SOC-1202": Code("No file of stacks/clouds/ has this name.", _MEND),
    "SOC-1203": Code("No file of stacks/releases/ has this name.", _MEND),
    "SOC-1204": Code("The sizes contradict each other or ask for more than a network holds.", _MEND),
    "SOC-1205": Code("The availability asks for more zones than the cloud offers.", _MEND),
    "SOC-1206": Code("The cloud has no image of the release's system.", "Add the image to the cloud file."),
    "SOC-1207": Code("The provider oidc needs the address of its issuer.", _MEND),
    "SOC-1208": Code("The stack's block is too small or too large; each tier takes a /24 of it.", _MEND),
    "SOC-1209": Code("The stack's block is not of private addresses.", _MEND),
    "SOC-1210": Code("No flavour of the cloud is large enough.", "Add a larger flavour to the cloud file."),
    "SOC-1211": Code("The release lacks an image that the nodes run.", "Add the image to the release file."),
    "SOC-1212": Code("An ACME authority needs its directory and the country it is established in.", _MEND),
    "SOC-1213": Code("Another size is asked for a tier that does not exist.", _MEND),
    "SOC-1214": Code("Another flavour is asked for than the cloud file has.", _MEND),
    "SOC-1215": Code("An assumption is explained for a key that the file does not write.", _MEND),
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
    "SOC-1401": Code("The file is no OCI archive or layout.", _ARCHIVE),
    "SOC-1402": Code("The archive is damaged, cut short or incomplete; nothing was named in the registry.", _ARCHIVE),
    "SOC-1403": Code(
        "The archive holds what no image holds: entries that lead out of it, links, too much; it was not read.",
        "Do not use it; ask who made it.",
    ),
    "SOC-1404": Code("The archive holds no image for the nodes' platform, or several.", _ARCHIVE),
    "SOC-1405": Code("The archive does not name its image, and no release has one of the file's name.", "Rename it."),
    "SOC-1406": Code("The file with the registries' credentials cannot be read.", "Sign in again: podman login."),
    "SOC-1407": Code("The archive holds another version or another content than the release records.", _ARCHIVE),
    "SOC-1408": Code("It is not said which registry is meant.", "Give --registry HOST[:PORT], or name a stack."),
    "SOC-1409": Code("The registry's certificate authority cannot be read.", "Check `ca_certificate` of the cloud."),
    "SOC-1410": Code("A key of the release is none that signatures are checked with.", _MEND),
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
    "SOC-3101": Code("A waiver or a statement names a control that does not exist.", _MEND),
    "SOC-3102": Code("A waiver or a statement names a stack that does not exist, so it would concern nothing.", _MEND),
    "SOC-3103": Code("A statement ends before it begins, or holds for more than a year.", _MEND),
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
    "SOC-4101": Code("The cloud's credentials are missing or cannot be read.", "See `credentials` in the cloud file."),
    "SOC-4102": Code(
        "The cloud cannot be reached.", "Check auth_url, the network, and `socle lab status` for the lab."
    ),
    "SOC-4103": Code("The cloud refuses the credentials.", "Check user and password in clouds.yaml."),
    "SOC-4104": Code("The cloud's certificate is not trusted.", "Give the cloud file its ca_certificate."),
    "SOC-4105": Code("A quota of the cloud is used up.", "Free resources or ask the provider for more."),
    "SOC-4106": Code("The engine stopped because an operation failed.", _CLOUD),
    "SOC-4107": Code("The cloud does not let go of a resource.", _CLOUD),
    "SOC-4108": Code("Resources of the stack are in the cloud and not in its state.", _CLOUD),
    "SOC-4109": Code("The cloud answered with an error of its own.", "Try again; then ask the cloud's operators."),
    "SOC-4110": Code("The cloud answered, and its answer could not be read.", "Try again; then report it."),
    "SOC-4111": Code(
        "Somebody put ports, routes or listeners of their own into what the stack made, which cannot go before.",
        "Remove what the error names, then run `socle down` again.",
    ),
    "SOC-4112": Code(
        "The credentials belong to another project than the one of the cloud file.",
        "Correct `project` in the cloud file, or use an application credential of that project.",
    ),
    "SOC-4121": Code(
        "The cloud forbids a call to the user or application credential.", "Ask for a role that may do it."
    ),
    "SOC-4122": Code("A service of the cloud does not know the address that was called.", "Check its catalogue."),
    "SOC-4123": Code("What was asked for contradicts what the cloud holds or does at the moment.", _CLOUD),
    "SOC-4124": Code("The cloud allows fewer calls than were made; waiting did not help.", "Wait, then try again."),
    "SOC-4125": Code(
        "A service of the cloud fails; the call was made again where that does no harm.",
        "Try again later; then ask the cloud's operators.",
    ),
    "SOC-4126": Code("The cloud gave no answer in time.", "Try again later; then ask the cloud's operators."),
    "SOC-4127": Code("The cloud's catalogue lacks a service that is needed.", "Check `region` in the cloud file."),
    "SOC-4201": Code("The cloud lacks something that the cloud file says it has.", "Correct the cloud file."),
    "SOC-4202": Code("The project's quota is too small for this stack.", "Ask the provider for the amount named."),
    "SOC-4220": Code(
        "The stack uses a service that the cloud's catalogue does not name in the region.",
        "On the embedded cloud: `socle lab up --for STACK`. Elsewhere the cloud file's `services` and `dns` decide "
        "which way is taken; without load-balancer, dns or object-store there is another one.",
    ),
    "SOC-4221": Code(
        "The embedded cloud can be started for a stack that is deployed into it.", "Name a stack whose cloud is `lab`."
    ),
    "SOC-4222": Code("One public address of the cloud team's is given to two nodes or fronts.", _MEND),
    "SOC-4223": Code("The names of a stack are written into a zone that its domain ends with.", _MEND),
    "SOC-4224": Code(
        "Of a tier either all public addresses are the cloud team's or none; only tiers that users reach have any.",
        _MEND,
    ),
    "SOC-4225": Code("The stack file names something of the cloud team's that the cloud does not have.", _MEND),
    "SOC-4226": Code("A name in the stack or cloud file stands for several things in the cloud.", _ASK),
    "SOC-4227": Code("Something of the cloud team's is in the cloud otherwise than in the stack file.", _MEND),
    "SOC-4228": Code("An address or a name that the stack is given is used by something else already.", _ASK),
    "SOC-4240": Code(
        "The cloud has no external network of that name, or this user does not see it.", "Take one of those named."
    ),
    "SOC-4241": Code(
        "The credentials are of no project, so the cloud tells nothing of what it offers.",
        "Name the project in the entry of clouds.yaml, or use an application credential of it.",
    ),
    "SOC-4242": Code("The cloud has several regions.", "Name one in the entry of clouds.yaml, or in OS_REGION_NAME."),
    "SOC-4243": Code(
        "The address of the cloud is not https, so no cloud file may hold it and no password is sent there.",
        "Ask the provider for Keystone's address with TLS.",
    ),
    "SOC-4244": Code(
        "The cloud file that was to be written is there already.", "Write elsewhere, or name it with --replace."
    ),
    "SOC-4245": Code(
        "Something that the cloud file says is missing from the live cloud, or is otherwise there.",
        "Correct the cloud file, then look at the plans of the stacks that stand in this cloud.",
    ),
    "SOC-4301": Code("The registry does not answer, or its certificate is not trusted.", _REGISTRY),
    "SOC-4302": Code(
        "The registry wants credentials, or others than it was given.",
        "podman login REGISTRY writes them into the standard file (auth.json); the command line never takes them.",
    ),
    "SOC-4303": Code("The registry forbids this account to read or write here.", "Ask the registry's administrator."),
    "SOC-4304": Code("The registry does not have what it was asked for.", "Check name, version and digest."),
    "SOC-4305": Code("The registry allows fewer calls than this needs.", "Wait, or sign in; then run it again."),
    "SOC-4306": Code("The registry itself failed.", _REGISTRY),
    "SOC-4307": Code("The registry's answer broke off, or is of another form.", _REGISTRY),
    "SOC-4308": Code(
        "The registry has other bytes than the digest names: they were altered on the way or at rest.",
        "Do not deploy from it; ask the registry's administrator.",
    ),
    "SOC-4309": Code("The registry refuses what was asked.", "Its own words are in the error."),
    "SOC-4401": Code(
        "The ACME directory does not answer, is not trusted, or is none.",
        "Check certificates.directory, and that this machine reaches it.",
    ),
    "SOC-4402": Code("The ACME authority refuses the account.", "Its own words are in the error."),
    "SOC-4403": Code(
        "The ACME authority knows accounts of its customers alone (external account binding).",
        "Write certificates.external_account, and hand over the HMAC key as the authority gave it.",
    ),
    "SOC-4404": Code(
        "The ACME authority looked for the proof in the DNS and did not find it.",
        "The zone's name servers must answer the authority; then run `socle up` again.",
    ),
    "SOC-4405": Code(
        "The ACME authority allows fewer certificates than were asked for.",
        "Wait until the moment that the error names, then run `socle up` again.",
    ),
    "SOC-4406": Code(
        "CAA records or certificates.caa let another authority sign than the one of the ACME directory.",
        "Make certificates.caa and the zone's CAA records name the same authority.",
    ),
    "SOC-4408": Code("The ACME authority refuses what was asked.", "Its own words are in the error."),
    "SOC-4409": Code("The ACME authority took too long.", "Run `socle up` again."),
    "SOC-4410": Code(
        "A name server took a record and does not serve it.", "Check the zone's name servers, then `socle up` again."
    ),
    "SOC-4411": Code(
        "The ACME authority answered with a certificate of another key or of other names.", "Ask the authority."
    ),
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
    "SOC-6022": Code("An archive of SOCLE_IMAGES is missing, or is not its checksum's.", _ARCHIVE),
    "SOC-6023": Code("npm is missing, and the lab's identity provider comes by it.", "apt-get install npm"),
    "SOC-6024": Code("The stack names an identity provider in the lab's domain that the lab does not have.", _MEND),
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
