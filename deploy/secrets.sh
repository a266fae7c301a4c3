#!/bin/sh
# Makes the secrets of compose.yml, in the folder `secrets` beside this file; those that are there already stay.
# Each container reads its own as a user of its own, so the files may be read by everybody, and the folder by nobody else.
set -eu
umask 077
folder=$(cd "$(dirname "$0")" && pwd)/secrets
mkdir -p "$folder"
chmod 700 "$folder"

keep() {
  [ -e "$folder/$1" ] && return
  cat > "$folder/$1.new"
  chmod 644 "$folder/$1.new"
  mv "$folder/$1.new" "$folder/$1"
}
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

random | keep database_root_password
random | keep database_password
random | keep edge_secret
head -c 32 /dev/urandom | base64 | keep master_key
random | keep storage_access_key
random | keep storage_secret_key
# Where mails go, as DOSSIER_SMTP_URL has it: to the one that catches them. Empty, they are written to the log.
printf 'smtp://mail:1025?from=dossier@example.com&tls=off' | keep smtp_url
# Whom the store lets in: Dossier, with these two keys.
keep storage_identities.json <<END
{
  "identities": [
    {
      "name": "dossier",
      "credentials": [
        {"accessKey": "$(cat "$folder/storage_access_key")", "secretKey": "$(cat "$folder/storage_secret_key")"}
      ],
      "actions": ["Admin", "Read", "Write", "List", "Tagging"]
    }
  ]
}
END
