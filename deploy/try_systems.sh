#!/bin/bash
# Tries the README's two commands on bare systems: a fresh chroot each, by debootstrap, as root.
#   deploy/try_systems.sh [SYSTEM …]   debian-12 debian-13 ubuntu-22.04 ubuntu-24.04; default: all
#   ROOTS=/folder                      where they lie (default: /var/tmp/tubecam-systems); kept
#   GOALS="demo test"                  what is made there; empty: nothing but the bare system
# What is committed is tried, in a clone. Each run leaves SYSTEM.log there and prints one line.
set -euo pipefail

roots=${ROOTS:-/var/tmp/tubecam-systems}
goals=${GOALS-demo test}
here=$(cd "$(dirname "$0")/.." && pwd)
declare -A suites=([debian-12]=bookworm [debian-13]=trixie [ubuntu-22.04]=jammy
  [ubuntu-24.04]=noble)

fail() {
  echo "try_systems: $*" >&2
  exit 1
}

# debootstrap has one recipe for all of Ubuntu, under the names of the releases that it knew.
recipes() {
  local folder=$roots/recipes suite=$1
  mkdir -p "$folder"
  cp -r /usr/share/debootstrap/. "$folder"
  [[ -e $folder/scripts/$suite ]] || ln -s gutsy "$folder/scripts/$suite"
  echo "$folder"
}

# Without Ubuntu's keyring debootstrap would ask Debian's mirror: the recipe knows the right one.
bare_system() {
  local suite=$1 root=$2 components=main mirror=() recipes
  [[ ! -e $root/.made ]] || return 0
  recipes=$(recipes "$suite")
  if [[ $root == */ubuntu-* ]]; then
    components=main,universe
    mirror=("$(sed -n 's/^\s*default_mirror \(.*\/archive\..*\)/\1/p' "$recipes/scripts/$suite")")
  fi
  rm -rf "$root"
  DEBOOTSTRAP_DIR=$recipes debootstrap --variant=minbase --components="$components" \
    --include=git,make,ca-certificates "$suite" "$root" "${mirror[@]}" && touch "$root/.made"
}

# The way to the network is this machine's: names, certificates, pip's settings.
take_along() {
  local root=$1 path
  for path in /etc/resolv.conf /etc/hosts /etc/pip.conf /root/.config/pip \
    /usr/local/share/ca-certificates; do
    [[ -e $path ]] || continue
    mkdir -p "$root$(dirname "$path")"
    cp -rLT "$path" "$root$path"
  done
  chroot "$root" update-ca-certificates >/dev/null 2>&1
}

# Mounts vanish with the process that made them.
inside() {
  local root=$1
  shift
  unshare --mount --pid --fork -- bash -euc '
    root=$1; shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --rbind /sys "$root/sys"
    mount -t tmpfs tmpfs "$root/tmp"
    exec chroot "$root" "$@"' inside "$root" "$@"
}

versions() {
  inside "$1" bash -c 'cd /root/tubecam
    echo "$(.venv/bin/python --version), GCC $(gcc -dumpfullversion)," \
      "GStreamer $(pkg-config --modversion gstreamer-1.0)"' 2>/dev/null || echo "no versions"
}

try_system() {
  local system=$1 root=$roots/$1 log=$roots/$1.log result="" goal begun
  bare_system "${suites[$system]}" "$root" >>"$log" 2>&1 && take_along "$root" ||
    { echo "$system: could not be made"; return 1; }
  rm -rf "$root/root/tubecam"
  git clone -q --no-hardlinks "$here" "$root/root/tubecam"
  for goal in $goals; do
    begun=$SECONDS
    if inside "$root" env HOME=/root LANG=C.UTF-8 make -C /root/tubecam "$goal" </dev/null; then
      result+=" make $goal passed in $((SECONDS - begun)) s;"
    else
      result+=" make $goal FAILED after $((SECONDS - begun)) s;"
    fi
  done >>"$log" 2>&1
  echo "$system: $(versions "$root"):${result%;}"
  [[ $result != *FAILED* ]]
}

((EUID == 0)) || fail "debootstrap and chroot need root."
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt install debootstrap"
(($#)) || set -- debian-12 debian-13 ubuntu-22.04 ubuntu-24.04
failed=0
mkdir -p "$roots"
for system in "$@"; do
  [[ -n ${suites[$system]:-} ]] || fail "unknown system $system; there are ${!suites[*]}"
  : >"$roots/$system.log"
  try_system "$system" || { echo "try_systems: see $roots/$system.log" >&2; failed=1; }
done
exit "$failed"
