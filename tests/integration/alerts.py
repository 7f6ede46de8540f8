"""When each alert fires and when it does not, as promtool is to try it: series just above a threshold, and just below.

Series are written as promtool does: first value, step, number of steps, every 15 seconds. Rates: what a second has,
times 15, is a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EVERY = 15  # seconds
STEPS = 200  # 50 minutes
Series = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """`fires`, `quiet`: series with which the alert is there at `at`, or never. `count`: how many there are then."""

    fires: Series
    quiet: Series
    at: str = "40m"
    count: int = 1


def grows(per_second: float) -> str:
    return f"0+{per_second * EVERY:g}x{STEPS}"


def stays(value: float) -> str:
    return f"{value:g}+0x{STEPS}"


def _busy(tier: str, idle: float) -> Series:
    return {f'node_cpu_seconds_total{{node="n1",tier="{tier}",mode="idle",cpu="0"}}': grows(idle)}


def _disk(free: float) -> Series:
    labels = '{node="n1",tier="logs",mountpoint="/var/log/collected",fstype="ext4"}'
    return {f"node_filesystem_avail_bytes{labels}": stays(free), f"node_filesystem_size_bytes{labels}": stays(100)}


def _bucket(name: str, bound: str, beneath: float) -> Series:
    """A histogram of 100 observations a second, so many of them beneath a bound; the others in the next bucket."""
    above = {"0": "2", "30000": "70000", "100": "750", "10": "10000"}[bound]
    return {
        f'{name}_bucket{{node="m1",le="{bound}"}}': grows(beneath),
        f'{name}_bucket{{node="m1",le="{above}"}}': grows(100),
        f'{name}_bucket{{node="m1",le="+Inf"}}': grows(100),
        f'{name}_count{{node="m1"}}': grows(100),
    }


def _sent(megabits: float) -> Series:
    return {'node_network_transmit_bytes_total{node="m1",tier="media",device="ens3"}': grows(megabits * 125_000)}


def _received(packets: float) -> Series:
    return {'node_network_receive_packets_total{node="t1",tier="turn",device="ens3"}': grows(packets)}


def _tracks(each: float) -> Series:
    return {
        f'livekit_track_{way}_total{{node="m1",tier="media",kind="VIDEO"}}': stays(each)
        for way in ("published", "subscribed")
    }


def _lost(share: float) -> Series:
    return {
        'livekit_packet_loss_total{node="m1",direction="incoming"}': grows(1000 * share),
        'livekit_packet_total{node="m1",direction="incoming"}': grows(1000),
    }


def _unit(name: str, state: str, value: int) -> Series:
    return {f'node_systemd_unit_state{{node="n1",name="{name}",state="{state}"}}': stays(value)}


def _valkey(replicas: int) -> Series:
    return {
        **{f'redis_up{{node="b{n}",tier="bus"}}': stays(1) for n in (1, 2, 3)},
        'redis_connected_slaves{node="b1",tier="bus"}': stays(replicas),
        'redis_connected_slaves{node="b2",tier="bus"}': stays(0),
    }


def _memory(used: float) -> Series:
    labels = '{node="c1",tier="cache"}'
    return {f"redis_memory_used_bytes{labels}": stays(used), f"redis_memory_max_bytes{labels}": stays(100)}


def _connections(count: int) -> Series:
    return {
        'pg_stat_activity_count{node="d1",tier="database",state="idle"}': stays(count),
        'pg_settings_max_connections{node="d1",tier="database"}': stays(100),
    }


def cases(limits: Mapping[str, Any]) -> dict[str, Case]:
    """`limits`: what the rules were rendered with."""
    port, people, tracks = limits["media_port"] * limits["port_fill"], limits["participants"], limits["tracks"]
    packets, relays = limits["relay_packets"] * 0.8, limits["relays"] * 0.8
    up, probe = 'up{node="n1",job="node"}', 'probe_success{node="e1",name="visio.example"}'
    certificate = 'probe_ssl_earliest_cert_expiry{node="e1",name="visio.example"}'
    there = 'livekit_participant_total{node="m1",tier="media"}'
    return {
        "MediaPortFull": Case(_sent(port * 1.02), _sent(port * 0.98)),
        "MediaProcessorBusy": Case(_busy("media", 0.13), _busy("media", 0.17)),
        "MediaParticipantsMany": Case({there: stays(people + 1)}, {there: stays(people)}),
        "MediaTracksMany": Case(_tracks(tracks * 0.41), _tracks(tracks * 0.39)),
        "RelayPacketsMany": Case(_received(packets * 1.02), _received(packets * 0.98)),
        "RelaysMany": Case(
            {'turn_allocations{node="t1"}': stays(relays + 1)}, {'turn_allocations{node="t1"}': stays(relays - 1)}
        ),
        "ProcessorBusy": Case(_busy("edge", 0.08), {**_busy("edge", 0.12), **_busy("media", 0.05)}),
        "MemoryLow": Case(
            {
                'node_memory_MemAvailable_bytes{node="n1"}': stays(9),
                'node_memory_MemTotal_bytes{node="n1"}': stays(100),
            },
            {
                'node_memory_MemAvailable_bytes{node="n1"}': stays(11),
                'node_memory_MemTotal_bytes{node="n1"}': stays(100),
            },
        ),
        "DiskFilling": Case(_disk(19), _disk(21)),
        "DiskFull": Case(_disk(4), _disk(6)),
        "CallsPoor": Case(_bucket("livekit_quality_rating", "0", 11), _bucket("livekit_quality_rating", "0", 9)),
        "PacketsLost": Case(_lost(0.031), _lost(0.029)),
        "JitterHigh": Case(_bucket("livekit_jitter_us", "30000", 89), _bucket("livekit_jitter_us", "30000", 91)),
        "RoundTripLong": Case(_bucket("livekit_rtt_ms", "100", 85), _bucket("livekit_rtt_ms", "100", 93)),
        "JoinSlow": Case(
            _bucket("livekit_session_join_latency_ms", "10", 85), _bucket("livekit_session_join_latency_ms", "10", 94)
        ),
        "CallsGone": Case({there: f"20+0x{30 * 4} 0+0x80"}, {there: f"20+0x{30 * 4} 1+0x80"}),
        "TargetDown": Case({up: stays(0)}, {up: stays(1)}),
        "PublicNameFails": Case({probe: stays(0)}, {probe: stays(1)}),
        "CertificateEnds": Case({certificate: stays(20 * 86400)}, {certificate: stays(23 * 86400)}),
        "UnitFailed": Case(_unit("nginx.service", "failed", 1), _unit("nginx.service", "failed", 0)),
        "LogsNotSent": Case(_unit("rsyslog.service", "active", 0), _unit("rsyslog.service", "active", 1)),
        "ClockOff": Case(
            {'node_timex_offset_seconds{node="n1"}': stays(-0.11)},
            {'node_timex_offset_seconds{node="n1"}': stays(0.09)},
        ),
        "DatabaseWithoutLeader": Case(
            {f'patroni_primary{{node="d{n}"}}': stays(0) for n in (1, 2, 3)},
            {'patroni_primary{node="d1"}': stays(1), 'patroni_primary{node="d2"}': stays(0)},
        ),
        "DatabaseNotCopied": Case(
            {'patroni_sync_standby{node="d1"}': stays(0)}, {'patroni_sync_standby{node="d1"}': stays(1)}
        ),
        "DatabaseConnectionsMany": Case(_connections(81), _connections(79)),
        "ValkeyDown": Case({'redis_up{node="b1",tier="bus"}': stays(0)}, {'redis_up{node="b1",tier="bus"}': stays(1)}),
        "ValkeyWithoutReplica": Case(_valkey(0), _valkey(1)),
        "ValkeyMemoryFull": Case(
            _memory(91),
            {
                **_memory(89),
                'redis_memory_used_bytes{node="b1"}': stays(9),
                'redis_memory_max_bytes{node="b1"}': stays(0),
            },
        ),
        "AlertsNotSent": Case(
            {'alertmanager_notifications_failed_total{node="o1",integration="email"}': grows(0.1)},
            {'alertmanager_notifications_failed_total{node="o1",integration="email"}': stays(5)},
        ),
        "RulesFail": Case(
            {'prometheus_rule_evaluation_failures_total{node="o1"}': grows(0.1)},
            {'prometheus_rule_evaluation_failures_total{node="o1"}': stays(5)},
        ),
        "Watchdog": Case({up: stays(1)}, {}),
    }


def promtool(limits: Mapping[str, Any], rules: list[str]) -> dict[str, Any]:
    """promtool's own file of tests."""
    tests = []
    for alert, case in cases(limits).items():
        asked = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
        tests.append(_test(f"{alert} fires", case.fires, asked, case.at, [{"labels": "{}", "value": case.count}]))
        if case.quiet:
            tests.append(_test(f"{alert} does not", case.quiet, asked, case.at, []))
    return {"rule_files": rules, "evaluation_interval": f"{EVERY}s", "tests": tests}


def _test(name: str, series: Series, asked: str, at: str, expected: list[Any]) -> dict[str, Any]:
    return {
        "name": name,
        "interval": f"{EVERY}s",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [{"expr": asked, "eval_time": at, "exp_samples": expected}],
    }
