# Images that can't be read: one clear line for each, and the other images are judged all the same. The daemon is a program of the
# test's own that gives such archives; what it speaks is the Engine API.
# Sourced by tests/engine/audit, in a folder of its own.

if ! command -v python3 >/dev/null; then
    skipped=$((skipped + 1))
    echo 'skip  images that cannot be read: there is no python3 to give them'
    return 0
fi
cat >daemon.py <<'PYTHON'
import hashlib, http.server, io, json, os, socketserver, tarfile

def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()

def image(layer=None, system="linux", history=True, paths=("srv/app",)):
    layer = tar({path: b"x" * 1000 for path in paths}) if layer is None else layer
    config = {"os": system, "architecture": "amd64", "config": {"User": "1000"},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
    if history:
        config["history"] = [{"created_by": "COPY x /srv # buildkit"}]
    text = json.dumps(config).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": ["l/layer.tar"]}]).encode()
    return tar({"l/layer.tar": layer, "c.json": text, "manifest.json": manifest})

good = image()
archives = {
    "good": good,
    "cut": good[: len(good) // 3],
    "empty": b"",
    "nonsense": b"this is no archive" * 1000,
    "compression": image(layer=b"\x37\x7a\xbc\xaf\x27\x1c" + b"\0" * 3000),
    "windows": image(system="windows"),
    "history": image(history=False),
    "escapes": image(paths=("../../etc/passwd",)),
}
class Daemon(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def address_string(self): return "here"
    def give(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Api-Version": "1.41", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        words = self.path.split("/")
        if self.path == "/_ping":
            return self.give(200, b"OK")
        if words[-1] == "version":
            return self.give(200, b'{"Version":"20.10","ApiVersion":"1.41"}')
        name = words[3].split(":")[0] if words[2] == "images" else ""
        number = 1 + list(archives).index(name) if name in archives else 0
        if len(words[3]) > 60:
            number = int(words[3][-2:]); name = list(archives)[number - 1]
        if not number:
            return self.give(404, b'{"message":"no such image"}')
        if words[-1] == "json":
            return self.give(200, json.dumps({"Id": f"sha256:{number:064}", "RepoTags": [f"{name}:1"],
                "RootFS": {"Layers": []}, "Config": {"User": "1000"}, "Os": "linux"}).encode())
        self.give(200, archives[name], Content_Type="application/x-tar")
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
server = Server("daemon.sock", Daemon)
open("ready", "w").write("yes")
server.serve_forever()
PYTHON
python3 daemon.py >daemon.log 2>&1 &
daemon=$!
trap 'kill "$daemon" 2>/dev/null; remove_ours; rm -rf "$work"' EXIT
until [[ -e ready ]]; do kill -0 "$daemon" 2>/dev/null || break; done
# Nothing is built: the images are there.
mkdir client
printf '#!/bin/sh\nexit 0\n' >client/docker
chmod +x client/docker
printf 'FROM scratch\nCOPY x /srv\nUSER 1000\n' >Dockerfile
touch x
names=(cut empty nonsense compression windows history escapes absent good)
{
    printf 'all: %s\n' "${names[*]}"
    for name in "${names[@]}"; do printf '%s:\n\tdocker build -t %s:1 .\n' "$name" "$name"; done
} >Makefile
PATH=$PWD/client:$PATH DOCKER_HOST=unix://$PWD/daemon.sock "$runner" --audit=json all >report.json 2>report.log </dev/null
check 'the audit of images that cannot be read' 1 $?
said() {
    python3 - "$1" <<'PYTHON'
import json, sys
image = next(i for i in json.load(open("report.json"))["images"] if i["target"] == sys.argv[1])
print(len(image["unread"]), image["sizes"] is not None, *image["unread"])
PYTHON
}
check 'an image that can be read is judged' '0 True' "$(said good)"
check 'an archive cut short' '1 False cut:1: the saved image is cut short' "$(said cut)"
check 'an archive without anything' '1 False' "$(said empty | cut -c1-7)"
check 'what is no archive' '1 False' "$(said nonsense | cut -c1-7)"
check 'a layer of unknown compression' '1 False compression:1: the layer l/layer.tar is neither a tar archive nor one compressed by gzip or zstd' \
    "$(said compression)"
check 'an image of Windows' '1 False' "$(said windows | cut -c1-7)"
check 'and why' 1 "$(said windows | grep -ci windows)"
check 'a configuration without history' '0 True' "$(said history)"
check 'paths that lead out' '1 False' "$(said escapes | cut -c1-7)"
check 'an image that is not there' '1 False the engine has no image absent:1' "$(said absent)"
PATH=$PWD/client:$PATH DOCKER_HOST=unix://$PWD/daemon.sock "$runner" --audit all >text.log 2>&1 </dev/null
check 'one line for each' 7 "$(grep -c '^not judged: ' text.log)"
kill "$daemon"
trap 'remove_ours; rm -rf "$work"' EXIT
