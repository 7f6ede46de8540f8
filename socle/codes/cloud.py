"""Codes of the cloud, registries, certificate authorities."""

from __future__ import annotations

from socle.codes.code import MEND, Code

_CLOUD = "Nothing was changed that is not recorded: mend the cause and run the same command again."
_ASK = "Ask the ministry's cloud team; nothing was made."
_REGISTRY = "Mend the cause and run the same command again: what is in the registry is not sent again."

CODES: dict[str, Code] = {
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
    "SOC-4222": Code("One public address of the cloud team's is given to two nodes or fronts.", MEND),
    "SOC-4223": Code("The names of a stack are written into a zone that its domain ends with.", MEND),
    "SOC-4224": Code(
        "Of a tier either all public addresses are the cloud team's or none; only tiers that users reach have any.",
        MEND,
    ),
    "SOC-4225": Code("The stack file names something of the cloud team's that the cloud does not have.", MEND),
    "SOC-4226": Code("A name in the stack or cloud file stands for several things in the cloud.", _ASK),
    "SOC-4227": Code("Something of the cloud team's is in the cloud otherwise than in the stack file.", MEND),
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
}
