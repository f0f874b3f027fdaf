# What the log of a build tells: packages that pip compiles, and how long a step takes that a source's change runs again.
# Sourced by tests/engine/audit, in a folder of its own.

mkdir -p files/app
echo 'print(1)' >files/app/main.py
echo 'fasthash==1.0' >files/requirements.txt
# A package whose wheel is a platform's, though no compiler is needed to make it; one of Python alone; the project itself.
cat >files/sources <<'PYTHON'
import os, sys
for name, native in ("fasthash", True), ("purehash", False):
    os.makedirs(name)
    open(f"{name}/{name}.py", "w").write("x = 1\n")
    open(f"{name}/setup.py", "w").write(
        "from setuptools import setup, Distribution\n"
        "class Native(Distribution):\n"
        f"    def has_ext_modules(self): return {native}\n"
        f"setup(name='{name}', version='1.0', py_modules=['{name}'], distclass=Native)\n")
PYTHON
cat >Imkfile <<'IMKFILE'
image app
  tags = $(RUN)-log:latest
  dockerfile = $(NAME).Dockerfile
  context = files
  options = --network=host $(OPTIONS)
endimage
IMKFILE
cat >plain.mk <<'MAKEFILE'
app:
	docker build --network=host --tag $(RUN)-log:latest --file files/$(NAME).Dockerfile files
MAKEFILE

# The sources' archives, as an index would have them.
archives=$'COPY sources /\nRUN cd /tmp && python3 /sources && mkdir /sdists && for name in fasthash purehash; do (cd $name && python3 setup.py -q sdist -d /sdists); done'
# Of this run alone: what the engine has in its cache from another was not seen.
pip=': '$run' && pip install --no-index --no-build-isolation --root-user-action=ignore'

# logged NAME LINES [OPTION...]: the findings on what logs tell, and the verdict on wheels.
logged() {
    local name=$1
    printf 'FROM python:3.11 AS sources\n%s\nFROM sources AS wheels\nRUN : '"$run"' && pip wheel --no-index --no-build-isolation --find-links=/sdists -w /wheels fasthash\nFROM python:3.11\n%s\n' "$archives" "$2" >"files/$name.Dockerfile"
    "$runner" --audit=json app RUN="$run" NAME="$name" "${@:3}" >report.json 2>report.log </dev/null
    python3 - <<'PYTHON'
import json, re
image = json.load(open("report.json"))["images"][0]
told = [f for f in image["findings"] if f["code"] in ("image-compiled-packages", "install-after-sources")]
show = lambda f: "%s %s:%s %s" % (f["level"], f["code"], f["line"], re.sub(r"\d+ s\)", "N s)", f["message"]))
print("; ".join([f"wheels {image['verdicts']['wheels']}", *image["unread"], *map(show, told)]))
PYTHON
}

if command -v python3 >/dev/null; then
    bind='RUN --mount=type=bind,from=sources,source=/sdists,target=/sdists'
    from_source="$bind sleep 1 && $pip --find-links=/sdists fasthash"
    from_wheel="RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels $pip --find-links=/wheels fasthash"
    check 'a package from its wheel' 'wheels ok' "$(logged wheel "$from_wheel")"
    covers good image-compiled-packages
    found=$(logged source "$from_source")
    check 'a package that is compiled' 'wheels warning' "${found%%;*}"
    check 'and which' 1 "$(grep -c 'warning image-compiled-packages:7 pip compiled fasthash from source' <<<"$found")"
    covers bad image-compiled-packages
    check 'a fresh image is known by the log of its build' "$found" "$(logged source "$from_source")"
    check 'and no build was seen' 0 "$(grep -c '^#' report.log)"
    found=$(logged pure "$bind $pip --find-links=/sdists purehash")
    check 'a package of Python alone is info' 'wheels info 1' \
        "${found%%;*} $(grep -c 'info image-compiled-packages:7 pip built purehash' <<<"$found")"
    check 'a package of the project itself' 'wheels ok' "$(logged own "COPY --from=sources /tmp/fasthash /src
RUN $pip /src")"
    check 'pip that says nothing' 'wheels unjudged' "$(logged silent "$bind $pip -q --find-links=/sdists fasthash")"
    rm -rf .imk
    check 'an image whose build was not seen' 'wheels unjudged' "$(logged wheel "$from_wheel")"
    found=$(logged order "COPY . /src
$bind sleep 2 && $pip --find-links=/sdists -r /src/requirements.txt")
    check 'how long a step takes that runs again' 1 \
        "$(grep -c "editing app/main.py runs 'pip install .*' again (N s): 'COPY \." <<<"$found")"
    check 'in seconds' 1 "$(grep -cE 'again \(([2-9]|[1-9][0-9]+) s\)' report.json)"
    found=$(logged plain "${from_source/sleep 1/sleep 0}" -f plain.mk)
    check 'a plain recipe' 1 "$(grep -c 'warning image-compiled-packages:7 pip compiled fasthash from source' <<<"$found")"
else
    skipped=$((skipped + 1))
    echo 'skip  logs of builds: there is no python3 to read the report'
fi
