"""The command that serves the page in the browser."""

import json
import os
import sys

import click

from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.cli.interrupts import signals_interrupt
from stepsweep.client.cli.options import cloud_options, json_option
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.extras import need

UI_EXIT_CODES = "Exit codes: 0 ended by Ctrl-C or SIGTERM · 1 the cloud failed · 2 wrong options."


@click.command(epilog=UI_EXIT_CODES)
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="Port to listen on.  [default: 8321, or a free one]"
)
@click.option(
    "--base-path", "base", default="/", metavar="PATH", help="Path of the page behind a proxy, such as /sweeps."
)
@click.option(
    "--proxy-host",
    "proxy_hosts",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Name under which a proxy shows the page; all others are refused.",
)
@cloud_options
@json_option("One JSON document on stdout once it is up: {address}.")
def ui(port: int | None, base: str, proxy_hosts: tuple[str, ...], cloud: Cloud, as_json: bool) -> int:
    """Show all sweeps in the browser, live.

    Prints an address with a token, and serves it to this machine only, until Ctrl-C. Whoever has the token can start
    and stop sweeps. STEPSWEEP_UI_TOKEN gives a token of your own, of 16 or more characters.

    \b
    sweep ui
    sweep ui --on aws --port 9000
    """
    need("ui", "`sweep ui`")
    from stepsweep.client.terminal.view import View
    from stepsweep.client.ui.serve import serve

    view = View()

    def on_ready(address: str) -> None:
        if as_json:
            click.echo(json.dumps({"address": address}))
            return
        view.line("The page is up; Ctrl-C ends it. Sweeps continue without it.")
        view.copyable(f"  {address}")

    try:
        with signals_interrupt():
            serve(
                cloud,
                port=port,
                base=base,
                proxy_hosts=proxy_hosts,
                token=os.environ.get("STEPSWEEP_UI_TOKEN") or None,
                on_ready=on_ready,
            )
    except KeyboardInterrupt:
        # Python would wait for threads that still read, or weigh parameters, for a page that nobody will see.
        sys.stdout.flush()
        os._exit(ExitCode.OK)
    return ExitCode.OK
