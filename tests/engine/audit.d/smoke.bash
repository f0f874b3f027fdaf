# `--audit=smoke`: images that start without network, read-only and as their user, and some that do not.
# Sourced by tests/engine/audit, in a folder of its own.

cat >Imkfile <<'IMKFILE'
image app
  tags = $(RUN)-smoke:latest
  dockerfile = $(NAME).Dockerfile
  options = --quiet --network=host
endimage
IMKFILE

# smoked NAME LINES: the audit's findings on starting the image, and what it says.
smoked() {
    printf 'FROM python:3.11\nRUN useradd app\nUSER app\n%s\n' "$2" >"$1.Dockerfile"
    "$runner" --audit=smoke,json app RUN="$run" NAME="$1" >report.json 2>report.log </dev/null
    sed -n 's/^ *"message": "\(what the image starts.*\)",*$/\1/p; s/^ *"\(it was not started.*\)",*$/\1/p' report.json
}

check 'a program that ends well' '' "$(smoked good 'CMD ["python3", "-c", "open(\"/tmp/x\", \"w\").write(\"ok\")"]')"
covers good image-start-fails
check 'one that writes where it may not' \
    "what the image starts ends with status 1, without network and read-only: OSError: [Errno 30] Read-only file system: '/home/x'" \
    "$(smoked writes 'CMD ["python3", "-c", "open(\"/home/x\", \"w\")"]')"
covers bad image-start-fails
check 'and it is a warning' 1 "$(grep -A8 image-start-fails report.json | grep -c '"level": "warning"')"
check 'one that needs the network' 1 \
    "$(smoked network 'CMD ["python3", "-c", "import socket; socket.create_connection((\"192.0.2.1\", 80), 3)"]' | grep -c 'ends with status 1.*unreachable')"
check 'one that is not there' 1 "$(smoked absent 'CMD ["nothing"]' | grep -c 'ends with status 127')"
check 'a server' '' "$(smoked server 'CMD ["python3", "-c", "import time; time.sleep(600)"]')"
check 'nothing is left of it' 0 "$(docker container ls -aq --filter label=imk.smoke | wc -l)"
check 'without being asked nothing is started' 0 "$("$runner" --audit app RUN="$run" NAME=absent 2>&1 </dev/null | grep -c 'image-start-fails\|docker run')"
