#!/bin/sh
# edge.sh portal|partner: writes into EDGE_FOLDER what the nginx of one face reads. It runs in Dossier's image, before nginx.
# Each face has its own pods: that for people does not know the edge's secret, that for partners has no door for people.
set -eu
umask 077
face=$1 share=${EDGE_SHARE:-/usr/share/dossier}
# Two to the same Service: a request whose first pod is away goes to another connection, and so most often to another pod.
servers="server $EDGE_UPSTREAM max_fails=0; server $EDGE_UPSTREAM max_fails=0;"

set -- EDGE_URL="$DOSSIER_PUBLIC_URL" EDGE_SERVERS="$servers" EDGE_PORTAL="$EDGE_FOLDER/portal" EDGE_RUN="$EDGE_RUN" \
  EDGE_HTTP_LISTEN="$EDGE_HTTP_LISTEN" EDGE_LISTEN="$EDGE_LISTEN" EDGE_PARTNER_LISTEN="$EDGE_LISTEN" \
  EDGE_CERT="$EDGE_TLS/tls.crt" EDGE_KEY="$EDGE_TLS/tls.key" EDGE_PARTNER_CA="${EDGE_CA:-/nonexistent}"
if [ "$face" = partner ]; then
  set -- "$@" EDGE_SECRET="$(cat "$EDGE_SECRET_FILE")"
fi
python "$share/deploy/nginx/render.py" "$EDGE_FOLDER" "$@"
dossier portal nginx "$EDGE_FOLDER"

if [ "$face" = partner ]; then
  : > "$EDGE_FOLDER/portal.conf"
else
  rm -rf "$EDGE_FOLDER/portal"
  cp -R "$DOSSIER_PORTAL_DIR" "$EDGE_FOLDER/portal"
fi
# For the kubelet: that nginx answers. A redirect to another host would be noted as a warning each time.
cat >> "$EDGE_FOLDER/portal.conf" <<END

server {
    listen $EDGE_PROBE_LISTEN;
    access_log off;
    location = /live {
        return 200 "live\n";
    }
    location / {
        return 404;
    }
}
END
sed -i "s/^worker_processes auto;/worker_processes $EDGE_WORKERS;/" "$EDGE_FOLDER/nginx.conf"
