# Built images: each criterion that is judged on layers and configuration, by the word of `expect` that asks for it.
# Sourced by tests/engine/audit, in a folder of its own.

# --- what the images are made of: files of a small system, copied rather than installed, so that a pair takes a second ---

elf=$(type -P true)
mkdir -p base/root/{etc,srv,usr/bin,usr/lib}
printf 'root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\napp:x:1000:1000::/srv:/bin/sh\n' >base/root/etc/passwd
printf 'root:x:0:\napp:x:1000:\n' >base/root/etc/group
printf 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n' >base/root/etc/os-release
cp "$elf" base/root/usr/bin/python3.11
ln -s python3.11 base/root/usr/bin/python3
ln -s usr/bin base/root/bin
ln -s usr/lib base/root/lib
# RUN needs a shell that works, with the libraries that it and the few tools are linked to.
cat >base/Dockerfile <<'DOCKERFILE'
FROM python:3.11 AS tools
RUN mkdir /found && cp -L --parents $(ldd /bin/sh /bin/rm /bin/chmod | grep -o '/lib[^ ]*' | grep -v : | sort -u) /found
FROM scratch
COPY root /
COPY --from=tools /found/lib/ /usr/lib/
COPY --from=tools /found/lib64/ /lib64/
COPY --from=tools /bin/sh /bin/rm /bin/chmod /usr/bin/
DOCKERFILE

mkdir files
cp "$elf" files/elf
head -c 6000000 /dev/zero | tr '\0' x >files/big
head -c 1500000 files/big >files/middling
# Put together here, so that no scanner of sources takes it for a key.
printf -- '-----BEGIN %s KEY-----\nnone\n' 'OPENSSH PRIVATE' >files/key
printf -- '-----BEGIN CERTIFICATE-----\nnone\n' >files/certificate
printf '#!/usr/bin/python3\n' >files/script
printf '#!/opt/venv/bin/python\n' >files/script-elsewhere
chmod 755 files/elf files/script files/script-elsewhere
mkdir -p files/venv/bin files/venv/lib/python3.11/site-packages/yaml files/pip files/empty
printf 'home = /usr/bin\nversion = 3.11.2\n' >files/venv/pyvenv.cfg
ln -s /usr/bin/python3 files/venv/bin/python
touch files/venv/lib/python3.11/site-packages/yaml/__init__.py files/pip/__init__.py
cp -a files/venv files/venv-absent
ln -sfn /usr/local/bin/python3.11 files/venv-absent/bin/python
cp -a files/venv files/venv-other
mv files/venv-other/lib/python3.11 files/venv-other/lib/python3.10
printf 'ID=debian\nVERSION_ID="10"\nPRETTY_NAME="Debian GNU/Linux 10 (buster)"\n' >files/os-release-10
printf 'ID=arch\nPRETTY_NAME="Arch Linux"\n' >files/os-release-arch
printf 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n' >files/os-release-13

base=$run-base
cat >Imkfile <<'IMKFILE'
image base
  tags = $(RUN)-base:latest
  context = base
  options = --quiet --network=host
endimage
image case
  tags = $(RUN)-$(NAME):latest
  dockerfile = $(NAME).Dockerfile
  context = files
  options = --quiet --network=host
  expect = $(EXPECT)
endimage
case: ; @echo the recipe ran
IMKFILE

"$runner" base RUN="$run" >base.log 2>&1 </dev/null || fail 'the base image' base.log

# dockerfile NAME LINES: a Dockerfile on the base, for the user `app` unless its lines say otherwise.
dockerfile() {
    printf 'FROM %s:latest\n%s\n' "$base" "$2" >"files/$1.Dockerfile"
    [[ $2 == *USER* ]] || echo 'USER app' >>"files/$1.Dockerfile"
    [[ $2 == *CMD* || $2 == *ENTRYPOINT* ]] || echo 'CMD ["python3"]' >>"files/$1.Dockerfile"
}

# codes NAME: the codes that the audit finds on an image.
codes() {
    "$runner" --audit=json case RUN="$run" NAME="$1" EXPECT= 2>codes.log </dev/null |
        sed -n 's/^ *"code": "\([^"]*\)",*$/\1/p'
}

# pair NAME CODE EXPECT FINDING GOOD BAD: the image of GOOD holds EXPECT, and its recipe runs; that of BAD does not, with FINDING, a
# pattern, before its recipe runs. A finding of a line must name it. The audit finds CODE on BAD and not on GOOD, unless a `=`
# before CODE says that its limits are others.
pair() {
    local name=$1 code=${2#=} expect=$3 finding=$4
    dockerfile "$name-good" "$5"
    dockerfile "$name-bad" "$6"
    if "$runner" case RUN="$run" NAME="$name-good" EXPECT="$expect" >good.log 2>&1 </dev/null &&
        grep -qx 'the recipe ran' good.log && ! grep -q 'does not hold' good.log; then
        pass
    else
        fail "$name: the good image holds" good.log
    fi
    "$runner" case RUN="$run" NAME="$name-bad" EXPECT="$expect" >bad.log 2>&1 </dev/null
    local status=$?
    if ((status == 2)) && grep -qE "does not hold: $finding" bad.log && ! grep -qx 'the recipe ran' bad.log; then
        pass
    else
        fail "$name: the bad image does not hold (status $status)" bad.log
    fi
    if [[ $2 != =* ]]; then
        check "$name: the audit on the good image" '' "$(codes "$name-good" | grep -x "$code")"
        check "$name: the audit on the bad image" "$code" "$(codes "$name-bad" | grep -x "$code" | sort -u)"
    fi
    covers good "$code"
    covers bad "$code"
}

# audited NAME CODE GOOD BAD: the audit finds CODE on the image of BAD, and not on that of GOOD.
audited() {
    local name=$1 code=$2
    dockerfile "$name-good" "$3"
    dockerfile "$name-bad" "$4"
    check "$name: the good image" '' "$(codes "$name-good" | grep -x "$code")"
    check "$name: the bad image" "$code" "$(codes "$name-bad" | grep -x "$code" | sort -u)"
    covers good "$code"
    covers bad "$code"
}

pair compiler image-compilers no-compilers 'usr/bin/gcc-12 ships in the image \(files/compiler-bad.Dockerfile:2, layer' \
    'COPY elf /usr/share/doc/gcc-12-base' 'COPY elf /usr/bin/gcc-12'
pair hidden-compiler image-compilers-hidden no-compilers 'usr/bin/gcc is removed by a later layer, .*\(files/hidden-compiler-bad.Dockerfile:3, layer' \
    $'USER root\nCOPY elf /usr/bin/tool\nRUN rm /usr/bin/tool\nUSER app' \
    $'USER root\nCOPY elf /usr/bin/gcc\nRUN rm /usr/bin/gcc\nUSER app'
pair size =image-over-budget 'size<=7MB' 'the image has .* and 7.0 MB at most are wanted' 'COPY middling /srv/' 'COPY big /srv/'
pair hidden =image-hidden-over-budget 'hidden<=1MB' '6.0 MB ship that later layers hide' \
    $'USER root\nCOPY empty /srv/empty\nRUN rm -r /srv/empty\nUSER app' \
    $'USER root\nCOPY big /srv/big\nRUN rm /srv/big\nUSER app'
pair layers =image-many-layers 'layers<=3' '4 layers above the base' \
    $'COPY elf /srv/1\nCOPY elf /srv/2\nCOPY elf /srv/3' $'COPY elf /srv/1\nCOPY elf /srv/2\nCOPY elf /srv/3\nCOPY elf /srv/4'
pair package-lists image-package-lists no-package-lists 'var/lib/apt/lists keeps 1 file' \
    'COPY middling /var/lib/other/lists/' 'COPY middling /var/lib/apt/lists/deb_Packages'
pair pip-cache image-pip-cache no-pip-cache 'root/.cache/pip keeps 1 file' \
    'COPY middling /srv/http/a' 'COPY middling /root/.cache/pip/http/a'
pair static-libraries image-static-libraries no-static-libraries 'usr/lib/libx.a is a static library' \
    'COPY middling /usr/lib/libx.so' 'COPY middling /usr/lib/libx.a'
pair tests image-tests no-tests 'usr/lib/python3.11/test and the like keep 1 file' \
    'COPY middling /usr/lib/python3.11/json/data' 'COPY middling /usr/lib/python3.11/test/data'
pair root image-runs-as-root non-root 'the image runs as root: it has no USER' 'USER app' $'COPY elf /srv/USER\nCMD ["python3"]'
sed -i '/^USER/d' files/root-bad.Dockerfile
pair root-by-name image-runs-as-root non-root 'the image runs as root: USER toor is uid 0' 'USER app' 'USER toor'
pair root-by-number image-runs-as-root non-root 'the image runs as root: USER 0:1000 is uid 0' 'USER 1000:1000' 'USER 0:1000'
pair user-unknown image-user-unknown non-root "the image's passwd has no user 'nobody-knows'" 'USER 4711' 'USER nobody-knows'
pair environment-owned image-env-writable read-only-env "the environment opt/venv is not read-only: 'app' owns opt/venv" \
    'COPY venv /opt/venv' 'COPY --chown=app venv /opt/venv'
pair environment-mode image-env-writable read-only-env "the environment opt/venv is not read-only: 'app' can write the folder opt/venv/lib/python3.11/site-packages" \
    $'USER root\nCOPY venv /opt/venv\nRUN chmod 755 /opt/venv/lib/python3.11/site-packages\nUSER app' \
    $'USER root\nCOPY venv /opt/venv\nRUN chmod 777 /opt/venv/lib/python3.11/site-packages\nUSER app'
pair interpreter image-venv-broken venv 'the environment opt/venv has no interpreter: usr/local is not in the image' \
    'COPY venv /opt/venv' 'COPY venv-absent /opt/venv'
pair interpreter-other image-venv-other-python venv 'the environment opt/venv is for Python 3.10, and its interpreter is usr/bin/python3.11' \
    'COPY venv /opt/venv' 'COPY venv-other /opt/venv'
pair end-of-life image-end-of-life supported 'Debian GNU/Linux 10 \(buster\) has had no security updates since 2024-06-30' \
    'COPY os-release-13 /etc/os-release' 'COPY os-release-10 /etc/os-release'
pair rolling image-rolling-release supported 'Arch Linux has no releases' \
    'COPY os-release-13 /etc/os-release' 'COPY os-release-arch /etc/os-release'
pair musl image-musl-python no-musl ".* uses musl: pip can't use manylinux wheels" \
    'COPY elf /lib/ld-musl-x86_64.so.1' \
    $'COPY elf /lib/ld-musl-x86_64.so.1\nCOPY pip /usr/lib/python3.11/site-packages/pip'
pair base-name =image-unexpected-base 'base!=arch' 'the base is .*, and base!=arch is wanted' \
    'COPY os-release-13 /etc/os-release' 'COPY os-release-arch /etc/os-release'
pair entrypoint image-entrypoint-absent entrypoint "the image starts 'python4', which is not in it" 'CMD ["python3"]' 'CMD ["python4"]'
pair executable image-entrypoint-not-executable entrypoint 'the image starts srv/run, which its user may not execute' \
    $'COPY --chmod=755 script /srv/run\nENTRYPOINT ["/srv/run"]' $'COPY --chmod=644 script /srv/run\nENTRYPOINT ["/srv/run"]'
pair script image-entrypoint-interpreter entrypoint 'the image starts srv/run, whose interpreter /opt/venv/bin/python is not in it' \
    $'COPY script /srv/run\nENTRYPOINT ["/srv/run"]' $'COPY script-elsewhere /srv/run\nENTRYPOINT ["/srv/run"]'
pair secret image-secret-file no-secrets 'srv/server.key holds a private key' \
    'COPY certificate /srv/server.key' 'COPY key /srv/server.key'
pair secret-removed image-secret-file no-secrets 'srv/server.key holds a private key, and can be read from its layer' \
    $'USER root\nCOPY certificate /srv/server.key\nRUN rm /srv/server.key\nUSER app' \
    $'USER root\nCOPY key /srv/server.key\nRUN rm /srv/server.key\nUSER app'
pair setuid image-setuid no-setuid "usr/bin/tool runs with the owner's or group's rights" \
    $'USER root\nCOPY elf /usr/bin/tool\nRUN chmod 755 /usr/bin/tool\nUSER app' \
    $'USER root\nCOPY elf /usr/bin/tool\nRUN chmod 4755 /usr/bin/tool\nUSER app'

# --- what the audit's own limits find ---

truncate -s 301M files/huge
audited over-budget image-over-budget 'COPY big /srv/data' 'COPY huge /srv/data'
rm files/huge
audited hidden-bytes image-hidden-bytes \
    $'USER root\nCOPY empty /srv/empty\nRUN rm -r /srv/empty\nUSER app' \
    $'USER root\nCOPY big /srv/big\nRUN rm /srv/big\nUSER app'
copies=$(for number in {1..12}; do echo "COPY elf /srv/$number"; done)
audited many-layers image-many-layers "$copies" "$copies"$'\nCOPY elf /srv/13'
audited drops-root image-drops-root \
    $'USER root\nCOPY elf /usr/bin/gosu\nENTRYPOINT ["python3"]' \
    $'USER root\nCOPY elf /usr/bin/gosu\nENTRYPOINT ["gosu", "app", "python3"]'

# The base of a pair is as old as the day says.
dockerfile old-base 'COPY elf /srv/x'
day() { date -u -d "now + $1 days" +%F; }
check 'a young base' '' "$(IMK_TODAY=$(day 80) codes old-base | grep -x image-old-base)"
check 'an old base' image-old-base "$(IMK_TODAY=$(day 100) codes old-base | grep -x image-old-base)"
covers good image-old-base
covers bad image-old-base

# An image without a history: its archive, written anew without it, takes its tag.
if command -v python3 >/dev/null; then
    dockerfile history 'COPY elf /srv/x'
    cat >history.mk <<'MAKEFILE'
app:
	docker build --quiet --network=host --tag $(RUN)-history:latest --file files/history.Dockerfile files
	test -z '$(WITHOUT)' || docker save $(RUN)-history:latest | python3 without-history | docker load
MAKEFILE
    cat >without-history <<'PYTHON'
import hashlib, io, json, sys, tarfile
source = tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read()))
files = {m.name: source.extractfile(m).read() for m in source if m.isfile()}
manifest = json.loads(files["manifest.json"])
config = json.loads(files[manifest[0]["Config"]])
del config["history"]
text = json.dumps(config).encode()
manifest[0]["Config"] = hashlib.sha256(text).hexdigest() + ".json"
out = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
kept = {layer: files[layer] for layer in manifest[0]["Layers"]}
for name, data in {**kept, manifest[0]["Config"]: text, "manifest.json": json.dumps(manifest).encode()}.items():
    member = tarfile.TarInfo(name)
    member.size = len(data)
    out.addfile(member, io.BytesIO(data))
out.close()
PYTHON
    without() { "$runner" -f history.mk --audit=json app RUN="$run" WITHOUT="$1" 2>history.log </dev/null | grep -c image-no-history; }
    check 'an image with its history' 0 "$(without '')"
    check 'an image without' 1 "$(without yes)"
    covers good image-no-history
    covers bad image-no-history
else
    skipped=$((skipped + 1))
    echo 'skip  an image without history: there is no python3 to write one'
fi

# --- expectations at work ---

# A fresh image is held, too, and where it holds nothing is done.
dockerfile fresh $'COPY elf /usr/bin/gcc\nUSER app'
"$runner" case RUN="$run" NAME=fresh EXPECT='layers<=12' >fresh.log 2>&1 </dev/null
check 'a build that holds' 0 $?
"$runner" case RUN="$run" NAME=fresh EXPECT='layers<=12' >fresh.log 2>&1 </dev/null
check 'a fresh image is not built again' 'the recipe ran' "$(cat fresh.log)"
"$runner" case RUN="$run" NAME=fresh EXPECT='layers<=12 no-compilers' >fresh.log 2>&1 </dev/null
check 'a fresh image is held to what is new' 2 $?
check 'and is not built for it' 0 "$(grep -c '^docker build' fresh.log)"
rm -rf .imk
"$runner" case RUN="$run" NAME=fresh EXPECT=audit >fresh.log 2>&1 </dev/null
check 'the memory may be deleted' 2 $?
check 'all of the audit' 1 "$(grep -c 'expect = audit.*usr/bin/gcc ships' fresh.log)"

# Plain recipes.
cat >plain.mk <<'MAKEFILE'
.PHONY: push
push: .EXPECT = no-compilers size<=100MB
push:
	docker build --quiet --tag $(RUN)-plain:latest --file files/$(NAME).Dockerfile files
	@echo pushed
MAKEFILE
dockerfile plain-good 'COPY elf /srv/gcc'
dockerfile plain-bad 'COPY elf /usr/bin/gcc'
"$runner" -f plain.mk push RUN="$run" NAME=plain-good >plain.log 2>&1 </dev/null
check 'a plain recipe goes on' '0 1' "$? $(grep -c '^pushed' plain.log)"
"$runner" -f plain.mk push RUN="$run" NAME=plain-bad >plain.log 2>&1 </dev/null
check 'a plain recipe stops before what it pushes' '2 0 1' \
    "$? $(grep -c '^pushed' plain.log) $(grep -c 'usr/bin/gcc ships in the image (files/plain-bad.Dockerfile:2, layer' plain.log)"
