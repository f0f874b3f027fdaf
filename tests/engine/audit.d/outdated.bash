# `--outdated` with a registry of this machine: bases that moved and that did not, and registries that do not tell.
# Sourced by tests/engine/audit, in a folder of its own.

"$root/scripts/apt-ensure" docker-registry >apt.log 2>&1 || true
if ! command -v docker-registry >/dev/null || ! command -v python3 >/dev/null; then
    skipped=$((skipped + 1))
    echo 'skip  --outdated: there is no docker-registry, or no python3'
    return 0
fi

# A registry that listens at a port of its own: the first that nobody else has.
started=()
trap 'kill "${started[@]}" 2>/dev/null; remove_ours; rm -rf "$work"' EXIT
start_registry() {
    local port
    for port in $(shuf -i 20000-32000 -n 20); do
        cat >registry.yml <<YML
version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: $PWD/registry } }
http: { addr: 127.0.0.1:$port }
YML
        docker-registry serve registry.yml >registry.log 2>&1 &
        local process=$!
        while kill -0 "$process" 2>/dev/null; do
            if python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/v2/')" 2>/dev/null; then
                started+=("$process")
                registry=127.0.0.1:$port
                return
            fi
        done
    done
    return 1
}
# What a registry may do besides: each under a name of its own, and one that wants a login. Prints their ports.
cat >faulty.py <<'PYTHON'
import base64, http.server, json, sys, threading
manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 2, "digest": "sha256:" + "0" * 64},
    "layers": []}).encode()
login = "Basic " + base64.b64encode(b"someone:secret").decode()
asked = {}
class Faulty(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
    def do_GET(self):
        words = self.path.split("/")
        name = words[2] if len(words) > 2 else ""
        code = lambda code: json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
        kind = {"Content_Type": "application/json"}
        if self.server.locked and self.headers.get("Authorization") != login:
            self.answer(401, code("UNAUTHORIZED"), WWW_Authenticate='Basic realm="here"', **kind)
        elif name == "":
            self.answer(200, b"{}", **kind)
        elif self.server.locked:
            self.answer(200, manifest, Content_Type="application/vnd.docker.distribution.manifest.v2+json")
        elif name == "limited":
            self.answer(429, code("TOOMANYREQUESTS"), **kind)
        elif name == "garbage":
            self.answer(200, b"<html>not a registry</html>", Content_Type="text/html")
        elif name == "slow":
            threading.Event().wait()
        elif name == "broken":
            self.answer(500, b"", **kind)
        else:
            self.answer(404, code("MANIFEST_UNKNOWN"), **kind)
    do_HEAD = do_GET
servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Faulty) for _ in range(2)]
for server, locked in zip(servers, (False, True)):
    server.daemon_threads, server.locked = True, locked
print(*[server.server_address[1] for server in servers], flush=True)
threading.Thread(target=servers[0].serve_forever, daemon=True).start()
servers[1].serve_forever()
PYTHON
start_registry || { fail 'a registry starts' registry.log; return 0; }
python3 faulty.py >port 2>faulty.log &
started+=($!)
until [[ -s port ]]; do kill -0 "${started[-1]}" || break; done
read -r port locked <port
faulty=127.0.0.1:$port locked=127.0.0.1:$locked

cat >Makefile <<'MAKEFILE'
app:
	docker build --tag $(RUN)-outdated:latest $(OPTIONS) --file $(NAME).Dockerfile .
both: app
	docker build --tag $(RUN)-outdated:other --file other.Dockerfile .
MAKEFILE

# publish TEXT: makes an image of it, tags and pushes it as the base; its digest goes to `digest`.
publish() {
    printf '%s\n' "$1" >text
    printf 'FROM scratch\nCOPY text /\n' | docker build -q -t "$run-published:$1" -f - . >/dev/null
    docker tag "$run-published:$1" "$registry/base:1"
    docker push "$registry/base:1" >push.log 2>&1 || fail "a push of $1" push.log
    digest=$(sed -n 's/.*digest: \(sha256:[0-9a-f]*\).*/\1/p' push.log)
}
# compared NAME LINES [WORD...]: the state of each base, its mark, and the status.
compared() {
    printf '%s\n' "$2" >"$1.Dockerfile"
    "$runner" --outdated=json "${@:3}" app RUN="$run" NAME="$1" >report.json 2>report.log </dev/null
    local status=$?
    python3 -c '
import json, sys
print(sys.argv[1], *["%s/%s" % (i["state"], i["from"]) for i in json.load(open("report.json"))["images"]])' "$status" ||
        tail report.log
}

publish one
first=$digest
check 'a base that is what the registry has' '0 current/engine' "$(compared current "FROM $registry/base:1")"
publish two
check 'the newer one' '0 current/engine' "$(compared current "FROM $registry/base:1")"
docker tag "$run-published:one" "$registry/base:1"
check 'a base that has moved' '1 moved/engine' "$(compared moved "FROM $registry/base:1")"
"$runner" --outdated app RUN="$run" NAME=moved >text.log 2>&1 </dev/null
check 'in words' "moved $registry/base:1 (moved.Dockerfile:1) ${first:0:19} on the engine, ${digest:0:19} at the registry = pull $registry/base:1, or build with --pull 1 base image: 1 moved, 0 up to date" \
    "$(tr -s ' \n' ' ' <text.log | sed 's/ $//')"
check 'a digest that is locked' '1 moved/lock' "$(compared lock "FROM $registry/base:1@$first")"
"$runner" --outdated app RUN="$run" NAME=lock >text.log 2>&1 </dev/null
check 'the digest to lock is told whole' 1 "$(grep -c "$digest" text.log)"
check 'the lock of today' '0 current/lock' "$(compared lock "FROM $registry/base:1@$digest")"
check 'a digest without a tag' '0 fixed/lock' "$(compared fixed "FROM $registry/base@$first")"
check 'a stage, scratch and COPY --from' '1 moved/engine' "$(compared copy "FROM scratch AS first
COPY --from=$registry/base:1 /text /
FROM scratch
COPY --from=first /text /")"
docker rmi -f "$registry/base:1" >/dev/null
check 'a base that the engine does not have' '0 absent/None' "$(compared absent "FROM $registry/base:1")"
check 'an image that was built here' '0 local/None' "$(compared local 'FROM python:3.11')"
check 'a name that the registry does not have' '2 gone/None' "$(compared gone "FROM $registry/none:1")"
check 'a name that only the shell knows' '2 unnamed/None' \
    "$(compared unnamed $'ARG BASE=x\nFROM $BASE' OPTIONS='--build-arg "BASE=$$(cat text)"')"
check 'a Dockerfile that is refused is no pass' '2' "$(compared refused $'ARG BASE\nFROM $BASE')"
check 'and why' 1 "$(grep -c 'refused.Dockerfile:2 is refused: FROM of nothing' report.json)"

# Registries that do not tell: never called up to date.
check 'a registry that is down' '2 unread/None' "$(compared down 'FROM 127.0.0.1:9/base:1')"
check 'a registry that wants a login' '2 unread/None' "$(compared denied "FROM $locked/private:1")"
check 'and says so' 1 "$(grep -c 'the registry wants a login' report.json)"
check 'a registry that is asked too often' '2 unread/None' "$(compared limited "FROM $faulty/limited:1")"
check 'and says so' 1 "$(grep -c 'too many requests' report.json)"
check 'a registry that talks nonsense' '2 unread/None' "$(compared garbage "FROM $faulty/garbage:1")"
check 'a registry that fails' '2 unread/None' "$(compared broken "FROM $faulty/broken:1")"
check 'a registry that never answers' '2 unread/None' "$(compared slow "FROM $faulty/slow:1")"
check 'and says so' 1 "$(grep -c 'no answer within' report.json)"
check 'one that is slow holds up no other, and hides no move' '1 unread/None moved/lock' "$(compared slow "FROM $faulty/slow:1 AS a
FROM $registry/base:1@$first
COPY --from=a / /")"
mkdir client
printf '{"auths":{"%s":{"auth":"%s"}}}\n' "$locked" "$(printf 'someone:secret' | base64)" >client/config.json
check 'the login of the client' '0 absent/None' "$(DOCKER_CONFIG=$PWD/client compared login "FROM $locked/private:1")"
printf '#!/bin/sh\nread -r server\n[ "$server" = %s ] && echo %s\n' "$locked" "'{\"Username\":\"someone\",\"Secret\":\"secret\"}'" >client/docker-credential-test
chmod +x client/docker-credential-test
printf '{"credHelpers":{"%s":"test"}}\n' "$locked" >client/config.json
check 'the login of its helper' '0 absent/None' \
    "$(DOCKER_CONFIG=$PWD/client PATH=$PWD/client:$PATH compared login "FROM $locked/private:1")"
check 'no secret is shown' 0 "$(cat report.json report.log | grep -c secret)"

# The same asked by clients: of podman by skopeo, and of a docker that no socket leads to by imagetools.
podman_exports=
if [[ $engine == docker ]]; then
    "$root/scripts/apt-ensure" skopeo >apt.log 2>&1 && podman_exports=$("$root/scripts/engine" ensure podman 2>engine.log)
fi
if [[ -n $podman_exports ]] && command -v skopeo >/dev/null; then
    {
        echo 'unqualified-search-registries = []'
        for place in "$registry" "$faulty" "$locked"; do printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$place"; done
    } >registries.conf
    # A storage of its own: a list whose image is gone makes podman 4.3 refuse to list images at all.
    driver=$(eval "$podman_exports"; awk -F'"' '$1 ~ /^driver/ { print $2 }' "$CONTAINERS_STORAGE_CONF")
    printf '[storage]\ndriver = "%s"\ngraphroot = "%s"\nrunroot = "%s"\n' "$driver" "$PWD/storage" "$PWD/runroot" >storage.conf
    by_podman() {
        eval "$podman_exports"
        export CONTAINERS_REGISTRIES_CONF=$PWD/registries.conf CONTAINERS_STORAGE_CONF=$PWD/storage.conf IMK_ENGINE=podman
        "$@"
    }
    publish three
    (by_podman podman pull -q "$registry/base:1") >pull.log 2>&1 || fail 'podman pulls' pull.log
    third=$digest
    check 'skopeo: a base that is what the registry has' '0 current/engine' "$(by_podman compared current "FROM $registry/base:1")"
    publish four
    check 'skopeo: a base that has moved' '1 moved/engine' "$(by_podman compared moved "FROM $registry/base:1")"
    check 'skopeo: both digests' '1 1' "$(grep -c "$third" report.json) $(grep -c "$digest" report.json)"
    check 'skopeo: a digest that is locked' '1 moved/lock' "$(by_podman compared lock "FROM $registry/base:1@$third")"
    check 'skopeo: the lock of today' '0 current/lock' "$(by_podman compared lock "FROM $registry/base:1@$digest")"
    (by_podman podman manifest create "$run-list" && by_podman podman manifest add --tls-verify=false "$run-list" "docker://$registry/base:1" &&
        by_podman podman manifest push --all --tls-verify=false "$run-list" "docker://$registry/list:1") >list.log 2>&1 ||
        fail 'a list is pushed' list.log
    (by_podman podman pull -q "$registry/list:1") >pull.log 2>&1 || fail 'podman pulls one of a list' pull.log
    check 'skopeo: an image of a list' '0 current/engine' "$(by_podman compared list "FROM $registry/list:1")"
    (by_podman podman manifest rm "$run-list"; by_podman podman rmi -f "$registry/base:1" "$registry/list:1") >/dev/null 2>&1
    check 'skopeo: a base that the engine does not have' '0 absent/None' "$(by_podman compared absent "FROM $registry/base:1")"
    check 'skopeo: a name that the registry does not have' '2 gone/None' "$(by_podman compared gone "FROM $registry/none:1")"
    check 'skopeo: a registry that is down' '2 unread/None' "$(by_podman compared down 'FROM 127.0.0.1:9/base:1')"
    check 'skopeo: a registry that wants a login' '2 unread/None' "$(by_podman compared denied "FROM $locked/private:1")"
    check 'skopeo: and says so' 1 "$(grep -c 'the registry wants a login' report.json)"
    check 'skopeo: the login of podman' '0 absent/None' \
        "$(printf '{"auths":{"%s":{"auth":"%s"}}}\n' "$locked" "$(printf 'someone:secret' | base64)" >auth.json
        REGISTRY_AUTH_FILE=$PWD/auth.json by_podman compared login "FROM $locked/private:1")"
    check 'skopeo: a registry that talks nonsense' '2 unread/None' "$(by_podman compared garbage "FROM $faulty/garbage:1")"
    check 'skopeo: a registry that never answers' '2 unread/None' "$(by_podman compared slow "FROM $faulty/slow:1")"
    check 'skopeo: and says so' 1 "$(grep -c 'no answer within' report.json)"
    mkdir none
    for tool in podman tail sh; do ln -s "$(type -P $tool)" none/; done
    ln -s "$(python3 -c 'import sys; print(sys.executable)')" none/python3
    without_skopeo() { by_podman eval 'PATH=$PWD/none compared none "FROM $registry/base:1"'; }
    check 'no skopeo' '2 unread/None' "$(without_skopeo)"
    check 'and says so' 1 "$(grep -c 'skopeo is not on PATH' report.json)"
    (by_podman podman system reset --force) >/dev/null 2>&1
    ! mountpoint -q storage/overlay || umount storage/overlay
elif [[ $engine == docker ]]; then
    skipped=$((skipped + 1))
    echo 'skip  --outdated by skopeo: there is no podman, or no skopeo'
fi
if plugin=$("$root/scripts/buildx" 2>buildx.log) && [[ $DOCKER_HOST == unix://* ]]; then
    # A way to the daemon that only the client goes.
    cat >forward.py <<'PYTHON'
import socket, sys, threading
def pass_on(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    client, daemon = server.accept()[0], socket.socket(socket.AF_UNIX)
    daemon.connect(sys.argv[1])
    for pair in ((client, daemon), (daemon, client)):
        threading.Thread(target=pass_on, args=pair, daemon=True).start()
PYTHON
    rm -f port
    python3 forward.py "${DOCKER_HOST#unix://}" >port 2>/dev/null &
    started+=($!)
    until [[ -s port ]]; do kill -0 "${started[-1]}" || break; done
    read -r port <port
    by_client() { DOCKER_HOST=tcp://127.0.0.1:$port DOCKER_CONFIG=${config:-$plugin} "$@"; }
    publish five
    fifth=$digest
    check 'imagetools: a base that is what the registry has' '0 current/engine' "$(by_client compared current "FROM $registry/base:1")"
    publish six
    docker tag "$run-published:five" "$registry/base:1"
    check 'imagetools: a base that has moved' '1 moved/engine' "$(by_client compared moved "FROM $registry/base:1")"
    check 'imagetools: a digest that is locked' '1 moved/lock' "$(by_client compared lock "FROM $registry/base:1@$fifth")"
    check 'imagetools: the lock of today' '0 current/lock' "$(by_client compared lock "FROM $registry/base:1@$digest")"
    docker rmi -f "$registry/base:1" >/dev/null
    check 'imagetools: a base that the engine does not have' '0 absent/None' "$(by_client compared absent "FROM $registry/base:1")"
    check 'imagetools: a name that the registry does not have' '2 gone/None' "$(by_client compared gone "FROM $registry/none:1")"
    check 'imagetools: a registry that is down' '2 unread/None' "$(by_client compared down 'FROM 127.0.0.1:9/base:1')"
    check 'imagetools: a registry that wants a login' '2 unread/None' "$(by_client compared denied "FROM $locked/private:1")"
    check 'imagetools: and says so' 1 "$(grep -c 'the registry wants a login' report.json)"
    cp -r "$plugin/cli-plugins" client/
    printf '{"auths":{"%s":{"auth":"%s"}}}\n' "$locked" "$(printf 'someone:secret' | base64)" >client/config.json
    check 'imagetools: the login of the client' '0 absent/None' "$(config=$PWD/client by_client compared login "FROM $locked/private:1")"
    check 'imagetools: a registry that never answers' '2 unread/None' "$(by_client compared slow "FROM $faulty/slow:1")"
    check 'imagetools: and says so' 1 "$(grep -c 'no answer within' report.json)"
else
    skipped=$((skipped + 1))
    echo 'skip  --outdated by imagetools: there is no buildx'
fi

# Several targets, and images that another target builds.
printf 'FROM %s\n' "$run-outdated:latest" >other.Dockerfile
printf 'FROM %s\n' "$registry/base:1@$first" >both.Dockerfile
"$runner" --outdated both RUN="$run" NAME=both >text.log 2>&1 </dev/null
check 'an image of a target is no base' '1 1' "$? $(grep -c '^1 base image: 1 moved' text.log)"
printf 'FROM scratch\n' >none.Dockerfile
"$runner" --outdated app RUN="$run" NAME=none >text.log 2>&1 </dev/null
check 'nothing to compare' '2 1' "$? $(grep -c 'nothing to compare' text.log)"
kill "${started[@]}"
trap 'remove_ours; rm -rf "$work"' EXIT
