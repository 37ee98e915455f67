#!/bin/bash
# Installs the system packages that TubeCAM is built and run with, where they are missing.
#   deploy/setup.sh            install them (as root, or with sudo)
#   deploy/setup.sh --test     and what the optional parts need, so that the tests test those too
#   deploy/setup.sh --optional print what of that is there
#   deploy/setup.sh --python   print the Python that the virtual environment is made with
set -euo pipefail

packages=(
  build-essential ca-certificates cmake git ninja-build pkg-config python3-dev python3-venv
  gstreamer1.0-libav gstreamer1.0-plugins-bad gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-plugins-ugly gstreamer1.0-tools
  gir1.2-gst-plugins-base-1.0 gir1.2-gstreamer-1.0
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  fonts-dejavu-core libcairo2-dev libgirepository1.0-dev libgtest-dev libpango1.0-dev
  nlohmann-json3-dev
)
# Optical flow: these headers, of this package or of an OpenCV of one's own (JetPack has one).
opencv_header=opencv4/opencv2/video/tracking.hpp
opencv_package=libopencv-video-dev
# GStreamer's own metadata for results: from 1.24 on in libgstreamer-plugins-bad1.0-dev, which
# brings all of OpenCV and so is left to who wants it.
analytics_header=gstreamer-1.0/gst/analytics/analytics.h

fail() {
  echo "setup: $*" >&2
  exit 1
}

missing_packages() {
  comm -23 <(printf '%s\n' "${packages[@]}" | sort) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
      sed -n 's/^installed //p' | sort -u)
}

# The optional parts that can be built here, one a line.
optional_parts() {
  local folder
  for folder in ${INCLUDE_DIRS:-/usr/include /usr/local/include}; do
    [[ ! -e $folder/$opencv_header ]] || echo "$folder/$opencv_header"
    [[ ! -e $folder/$analytics_header ]] || echo "$folder/$analytics_header"
  done
}

install_packages() {
  command -v dpkg-query >/dev/null ||
    fail "only Debian and Ubuntu are known here. Install what these packages hold:" \
      "${packages[*]}. Then: make SYSTEM=no"
  local missing
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3)
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      fail "neither root nor sudo. Ask for: apt-get install ${missing[*]}"
    apt=(sudo "${apt[@]}")
  fi
  echo "setup: installing the system packages ${missing[*]}"
  "${apt[@]}" -qq update
  "${apt[@]}" -qq install -y --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt-get could not install: ${missing[*]}. On Ubuntu, 'universe' must be enabled" \
      "(add-apt-repository universe)"
}

# A Python fits when it is new enough and can make environments and build extensions.
fits() {
  "$1" - 2>/dev/null <<'END'
import ensurepip, os, sys, sysconfig, venv
header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
sys.exit(not (sys.version_info >= (3, 10) and os.path.exists(header)))
END
}

print_python() {
  local candidate candidates="python3 /usr/bin/python3 python3.13 python3.12 python3.11 python3.10"
  for candidate in ${PYTHON:-$candidates}; do
    if fits "$candidate"; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  fail "no Python 3.10 or newer with its headers and venv module was found${PYTHON:+ as $PYTHON}." \
    "Name one: make PYTHON=/path/to/python3"
}

case "${1:-}" in
  "") install_packages ;;
  --test)
    [[ $(optional_parts) == *$opencv_header* ]] || packages+=("$opencv_package")
    install_packages
    ;;
  --optional) optional_parts ;;
  --python) print_python ;;
  *) fail "unknown argument $1" ;;
esac
