#!/bin/sh
# Builds the minimal guests; what it made is checked in. Needs clang and lld.
cd "$(dirname "$0")" || exit 1
for guest in cloudlark extism; do
	clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=4096 -o "$guest.wasm" "$guest.c" || exit 1
done
