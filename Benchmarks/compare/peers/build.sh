#!/bin/sh
# Builds the relays written for the comparison: build.sh go|nio DIRECTORY. The program is named on the last line.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
case $1 in
go)
    cd "$here/go"
    GOTOOLCHAIN=local GOFLAGS=-mod=mod go build -o "$out/go-relay" .
    echo "$out/go-relay"
    ;;
nio)
    swift build -c release --product nio-relay --package-path "$here/nio" --scratch-path "$out/nio" >&2
    echo "$out/nio/release/nio-relay"
    ;;
*)
    echo "build.sh: $1 is no relay; write go or nio" >&2
    exit 64
    ;;
esac
