#!/bin/sh
# nginx.sh CONFIGURATION FOLDER…: runs nginx, and lets it read its files anew when one in these folders has changed, as a Secret's
# do when a certificate is renewed. Requests under way end in the old workers; what nginx does not take leaves all as it is.
set -eu
configuration=$1
shift
sum() { cat "$@" | cksum; }
files=$(for folder; do echo "$folder/*"; done)
# shellcheck disable=SC2086  # the patterns are to be filled in, each time
{
  was=$(sum $files)
  while sleep "${EDGE_WATCH_SECONDS:-60}" && kill -0 $$ 2>/dev/null; do
    now=$(sum $files) || continue
    [ "$now" = "$was" ] && continue
    was=$now
    kill -HUP $$
  done
} &
exec nginx -e stderr -c "$configuration" -g "daemon off;"
