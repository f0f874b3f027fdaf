# Builds that are repeated: a good and a bad Dockerfile that differ in just what makes the second build another.
# Sourced by tests/engine/audit, in a folder of its own.

mkdir -p src
echo 'print(1)' >src/app.py
cat >Imkfile <<'IMKFILE'
image app
  tags = $(RUN)-reproduce:latest
  dockerfile = $(NAME).Dockerfile
  options = --quiet --network=host
endimage
IMKFILE

# repeated NAME CODE LINES: runs the audit, and tells how often CODE was found, and the line that it names.
repeated() {
    # The image is small, so that reading it is quick; COPY writes what RUN made.
    printf 'FROM python:3.11 AS work\nCOPY src /src\n%s\nFROM scratch\nCOPY --from=work /src /src\n' "$3" >"$1.Dockerfile"
    "$runner" --audit=reproduce,json app RUN="$run" NAME="$1" >report.json 2>report.log </dev/null
    COVERED=$work/covered python3 - "$2" <<'PYTHON'
import json, os, sys
image = json.load(open("report.json"))["images"][0]
found = [f for f in image["findings"] if f["code"] == sys.argv[1]]
print("bad" if found else "good", sys.argv[1], file=open(os.environ["COVERED"], "a"))
print(image["unread"] or "", len(found), *[(f["level"], f["line"]) for f in found])
PYTHON
}

# Two builds can fall into one second, which is all that bytecode and a layer keep of a time: each touches a file at a time of
# chance.
touched='touch -d "@$(od -An -N4 -tu4 /dev/urandom | tr -d " ")" /src/app.py'

if command -v python3 >/dev/null; then
    check 'a build that is the same again' ' 0' \
        "$(repeated good image-differs-content 'RUN echo always >/src/stamp')"
    check 'a random number in a file' " 1 ('warning', 5)" \
        "$(repeated bad image-differs-content 'RUN od -An -N8 -tx8 /dev/urandom >/src/stamp')"
    check 'the same lines in another order' " 1 ('warning', 5)" \
        "$(repeated order image-differs-order 'RUN for n in 1 2 3 4 5 6 7 8 9; do echo line $n; done | shuf >/src/list')"
    check 'the same lines in the same order' ' 0' \
        "$(repeated sorted image-differs-order 'RUN for n in 1 2 3 4 5 6 7 8 9; do echo line $n; done >/src/list')"
    check 'bytecode without a time' ' 0' \
        "$(repeated unchecked image-differs-bytecode "RUN $touched && python3 -m compileall -q --invalidation-mode unchecked-hash /src")"
    check 'bytecode with its time' " 1 ('warning', 5)" \
        "$(repeated bytecode image-differs-bytecode "RUN $touched && python3 -m compileall -q --invalidation-mode timestamp /src")"
    check 'a log is info' " 1 ('info', 5)" \
        "$(repeated log image-differs-log 'RUN date +%s.%N >/src/made.log')"
    check 'a log that says the same' ' 0' "$(repeated still image-differs-log 'RUN echo made >/src/made.log')"
    check 'a cache that holds the same' ' 0' \
        "$(repeated kept image-differs-cache 'RUN mkdir -p /src/.cache && echo made >/src/.cache/index')"
    check 'a cache is info' " 1 ('info', 5)" \
        "$(repeated cache image-differs-cache 'RUN mkdir -p /src/.cache && date +%s.%N >/src/.cache/index')"
    check 'times of change are no difference' ' 0' \
        "$(repeated times image-differs-mtime 'RUN echo always >/src/stamp')"
    check 'they are one where the epoch is given' 1 \
        "$(SOURCE_DATE_EPOCH=1000000000 repeated epoch image-differs-mtime "RUN $touched" | grep -c "'warning', 5")"
    remove_ours
    check 'nothing is left of the repeated builds' 0 "$(docker image ls --format '{{.Repository}}' | grep -c imk-reproduce)"
else
    skipped=$((skipped + 1))
    echo 'skip  repeated builds: there is no python3 to read the report'
fi
