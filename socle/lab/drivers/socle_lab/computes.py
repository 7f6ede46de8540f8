"""All nova-compute services of the lab: one process per host, forked once what they share is imported.

    python -m socle_lab.computes HOST...

A host costs 62 MB (PSS) where a process of its own costs 125, and no second import. One that dies is forked again.
"""

import ctypes
import gc
import os
import signal
import sys
import traceback

from setproctitle import setproctitle

HOME = os.path.expanduser("~/.nova")
PR_SET_PDEATHSIG = 1
PAUSE = 2.0  # seconds before a host that died is started again


def prepare():
    """The imports, with the configuration read: some modules look at it while they are imported. Returns nova-compute's
    main function."""
    import nova.cmd.compute  # first: it patches the standard library
    from nova import config, objects

    config.parse_args(["nova-compute", f"--config-file={HOME}/compute.conf"], init_rpc=False, configure_db=False)
    objects.register_all()
    import nova.compute.manager

    import socle_lab.nova  # noqa: F401

    config.CONF.clear()  # each host reads its own files
    gc.collect()
    gc.freeze()  # a collection would write into the pages that the hosts share
    return nova.cmd.compute.main


def fork(host, main):
    """Starts one host, with a log of its own; returns its process number."""
    child = os.fork()
    if child:
        return child
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        log = os.open(f"/lab/log/nova-compute-{host}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        setproctitle(f"nova-compute {host}")
        sys.argv = ["nova-compute", *(f"--config-file={HOME}/{name}.conf" for name in ("compute", host))]
        main()
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


def supervise(hosts, main):
    from eventlet.patcher import original

    wait = original("os").waitpid  # the patched one looks a hundred times a second
    running = {fork(host, main): host for host in hosts}
    stopping = []

    def stop(*_):
        stopping.append(True)
        for process in running:
            os.kill(process, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    while running:
        process, _status = wait(-1, 0)
        host = running.pop(process, None)
        if host and not stopping:
            original("time").sleep(PAUSE)
            running[fork(host, main)] = host


if __name__ == "__main__":
    supervise(sys.argv[1:], prepare())
