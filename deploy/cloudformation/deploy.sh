#!/bin/sh
# Make or change the stacks of an environment, in order: deploy.sh dev|stage|prod [STACK…]. Needs AWS's command line.
# What is there already and has not changed is left alone, so that it can be run again. With PLAN=1 nothing is changed: AWS's
# command line then says by which command what would change is shown.
set -eu
cd "$(dirname "$0")"
environment=${1:?usage: deploy.sh dev|stage|prod [STACK…]}
shift
parameters=parameters/$environment.json
[ -f "$parameters" ] || { echo "there is no $parameters" >&2; exit 2; }
# Name=value for each; a stack takes those that it has. (Only version 2 of the command line would read the file itself.)
given=$(sed -n 's/^ *"\([A-Za-z0-9]*\)": "\([^ "]*\)",\{0,1\}$/\1=\2/p' "$parameters")
platform=$(printf '%s\n' "$given" | sed -n 's/^Platform=//p')

# Whom a stack belongs to: the account, a platform (a network and a cluster that environments share), an environment.
for stack in ${*:-registry network eks keys storage database cache secrets access alarms}; do
  case $stack in
    registry) name=dossier-registry ;;
    network | eks) name=dossier-platform-$platform-$stack ;;
    *) name=dossier-$environment-$stack ;;
  esac
  [ -f "$stack.yml" ] || { echo "there is no stack $stack" >&2; exit 2; }
  echo "$name" >&2
  ${AWS:-aws} cloudformation deploy --stack-name "$name" --template-file "$stack.yml" \
    --parameter-overrides $given --capabilities CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND \
    --no-fail-on-empty-changeset ${PLAN:+--no-execute-changeset} --tags project=dossier
done
