"""A hundred full stacks: what a State's worth of ministries would write, from 200 seats to 150,000. Seeded."""

from __future__ import annotations

import random
from pathlib import Path

SEED = 2026
FEWEST, MOST = 200, 150_000  # seats; between them evenly on a logarithmic scale
CLOUDS = {"secnum-paris": ("single", "two-zones", "three-zones"), "defense": ("single", "two-zones")}
PEOPLE = {
    "secnum-paris": "{provider: proconnect}",
    "defense": "{provider: oidc, issuer: https://identite.armees.example/realms/agents}",
}
SPEAKING = ("transcription", "subtitles")  # need GPUs, which the defence cloud has none of


def write(folder: Path, count: int) -> list[Path]:
    """The files, smallest organisation first. Names, blocks and domains are their own."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(SEED)
    return [_written(folder / f"s{number:03d}.yaml", number, count, chance) for number in range(count)]


def _written(file: Path, number: int, count: int, chance: random.Random) -> Path:
    seats = round(FEWEST * (MOST / FEWEST) ** (number / max(count - 1, 1)))
    cloud = chance.choice(list(CLOUDS))
    features = {"recording": chance.random() < 0.6, "telephony": chance.random() < 0.3}
    features |= {name: cloud == "secnum-paris" and chance.random() < 0.4 for name in SPEAKING}
    said = ", ".join(f"{name}: {str(on).lower()}" for name, on in features.items())
    lines = [
        f"organisation: Organisation {number}",
        f"domain: visio.{file.stem}.example",
        "environment: production",
        f"cloud: {cloud}",
        'release: "2026.11"',
        f"people: {{seats: {seats}, peak_in_call: 0.04, largest_room: {min(seats, 150)}}}",
        f"availability: {chance.choice(CLOUDS[cloud])}",
        f"features: {{{said}}}",
        *(["telephony: {trunk: [198.51.100.0/28]}"] if features["telephony"] else []),
        f"identity: {PEOPLE[cloud]}",
        f"access: {{from: [192.0.2.{number % 16 * 16}/28]}}",
        f"network: {{cidr: 10.{number}.0.0/19}}",
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
