#!/bin/sh
# The notes of a release: every fragment of changelog/unreleased, those that break something first.
set -eu
cd "$(dirname "$0")/../changelog/unreleased"
for wanted in 0 1; do
  for fragment in *.md; do
    [ -e "$fragment" ] || continue
    if grep -q '^\*\*Breaking' "$fragment"; then breaking=0; else breaking=1; fi
    [ "$breaking" = "$wanted" ] || continue
    sed -e '/^[[:space:]]*$/d' -e '1s/^/- /' -e '2,$s/^/  /' "$fragment"
  done
done
