# Sourced by scripts that fetch packages of a fixed Debian release: an apt configuration of their own, made from the
# mirror that this machine already uses, with lists and state below a folder of their own. Needs no privilege.

unavailable() {
    echo "$(basename "$0"): not available: $*" >&2
    exit 77
}

# configure_apt FOLDER SUITE: sets `apt` to the folder and brings its lists, unless they are there already.
configure_apt() {
    apt=$1
    local suite=$2 mirror release
    command -v apt-get > /dev/null || unavailable "this machine has no apt-get"
    [ ! -f "$apt/complete" ] || return 0
    release=$(. /etc/os-release 2> /dev/null && echo "${VERSION_CODENAME:-}")
    mirror=$(apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)' 2> /dev/null |
        awk -v release="$release" '$1 == "Packages" && $2 == release && $3 == "main" { print $4; exit }')
    [ -n "$mirror" ] || unavailable "no Debian mirror is configured on this machine"
    rm -rf "$apt"
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,sources,preferences}
    : > "$apt/status"
    {
        echo "Types: deb deb-src"
        echo "URIs: $mirror"
        echo "Suites: $suite"
        echo "Components: main"
        echo "Targets: Packages Sources"
        if [ -f /usr/share/keyrings/debian-archive-keyring.gpg ]; then
            echo "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg"
        fi
    } > "$apt/sources/$suite.sources"
    cat > "$apt/apt.conf" << CONF
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$apt/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$apt/preferences";
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Sandbox::User "$(id -un)";
CONF
    private_apt update
    touch "$apt/complete"
}

# private_apt ARGUMENT...: apt-get with that configuration. After a failure the lists are brought anew next time, as they
# may be older than what the mirror has.
private_apt() {
    if ! APT_CONFIG=$apt/apt.conf apt-get -qq "$@" >> "$apt/log" 2>&1; then
        rm -f "$apt/complete"
        unavailable "apt-get $* failed: $(tail -n 1 "$apt/log")"
    fi
}
