#!/usr/bin/env bash
# Whether Dossier works at its public address: smoke.sh URL [REVISION].
# With a revision it waits until the address answers with that image. SMOKE_SECONDS (600) is how long it is patient at all,
# SMOKE_PAUSE (5) is how long between two looks, and SMOKE_STEADY (3) how often in a row all has to be well.
set -euo pipefail
url=${1:?usage: smoke.sh URL [REVISION]}
url=${url%/}
revision=${2:-}
deadline=$((SECONDS + ${SMOKE_SECONDS:-600}))
steady=${SMOKE_STEADY:-3}

get() { curl --silent --show-error --fail --max-time 10 --header "Accept: $1" "$url$2"; }

# The value of a key of a flat JSON object.
value() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }

# One look at everything; what is wrong stands in $wrong.
look() {
  local body
  wrong="/health/live does not answer 200"
  get application/json /health/live > /dev/null || return 1
  wrong="/health/ready does not answer 200: a part that is needed is away"
  body=$(get application/json /health/ready) || return 1
  wrong="/health/ready says $body"
  [ "$(value status <<< "$body")" = ok ] || return 1
  wrong="the portal's page is not there"
  body=$(get text/html /) || return 1
  [[ $body == *"<html"* ]] || return 1
  wrong="the API does not say its contract"
  body=$(get application/json /api/v1/openapi.json) || return 1
  [[ $body == *'"openapi"'* ]] || return 1
  # A stranger is let in nowhere.
  wrong="/api/v1/me does not ask who it is"
  body=$(curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}' "$url/api/v1/me") || return 1
  [ "$body" = 401 ] || return 1
  if [ -n "$revision" ]; then
    wrong="/version.json is not there"
    body=$(get application/json /version.json) || return 1
    wrong="it is still ${body}"
    [ "$(value revision <<< "$body")" = "$revision" ] || return 1
  fi
}

well=0
while :; do
  if look; then
    well=$((well + 1))
    [ "$well" -lt "$steady" ] || { echo "$url is well${revision:+ at $revision}"; exit 0; }
    wrong="it was well $well times in a row, not $steady"
  else
    well=0
    echo "not yet: $wrong" >&2
  fi
  [ "$SECONDS" -lt "$deadline" ] || { echo "gave up on $url: ${wrong}" >&2; exit 1; }
  sleep "${SMOKE_PAUSE:-5}"
done
