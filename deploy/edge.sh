#!/bin/sh
# edge.sh FOLDER PKI: writes into FOLDER all that the nginx of compose.yml reads: its configuration, the built portal, the
# server's certificate and the partners' authority. Where PKI holds no authority or server certificate, one to try it out with
# is made. It takes EDGE_HOST, EDGE_SECRET_FILE, EDGE_SERVERS, EDGE_PARTNER_SERVERS and EDGE_*LISTEN, and Dossier's settings.
set -eu
umask 077
folder=$1 pki=$2
here=$(cd "$(dirname "$0")" && pwd)

[ -e "$pki/ca.crt" ] || python "$here/../tools/pki.py" "$pki" ca
[ -e "$pki/server.crt" ] || python "$here/../tools/pki.py" "$pki" server "$EDGE_HOST" 127.0.0.1
cp "$pki/server.crt" "$pki/server.key" "$folder"
cp "$pki/ca.crt" "$folder/partners.crt"

rm -rf "$folder/portal" "$folder/portal.new"
cp -R "$DOSSIER_PORTAL_DIR" "$folder/portal.new"
mv "$folder/portal.new" "$folder/portal"

python "$here/nginx/render.py" "$folder" \
  EDGE_URL="$DOSSIER_PUBLIC_URL" \
  EDGE_HTTP_LISTEN="$EDGE_HTTP_LISTEN" EDGE_LISTEN="$EDGE_LISTEN" EDGE_PARTNER_LISTEN="$EDGE_PARTNER_LISTEN" \
  EDGE_CERT="$folder/server.crt" EDGE_KEY="$folder/server.key" EDGE_PARTNER_CA="$folder/partners.crt" \
  EDGE_PORTAL="$folder/portal" \
  EDGE_SERVERS="$EDGE_SERVERS" EDGE_PARTNER_SERVERS="$EDGE_PARTNER_SERVERS" \
  EDGE_SECRET="$(cat "$EDGE_SECRET_FILE")"
dossier portal nginx "$folder"
