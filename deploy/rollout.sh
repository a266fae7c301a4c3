#!/usr/bin/env bash
# What a deployment does in git, for the workflows: rollout.sh commit|back|tag ENVIRONMENT […]
#   commit ENVIRONMENT MESSAGE   commit what promote.py changed and push it to main; nothing where nothing changed
#   back ENVIRONMENT             revert the last commit that changed what the environment runs, and push that
#   tag ENVIRONMENT REVISION     move the tag env-ENVIRONMENT (in capitals) to the commit that now runs there
set -euo pipefail
verb=${1:?usage: rollout.sh commit|back|tag ENVIRONMENT}
environment=${2:?usage: rollout.sh commit|back|tag ENVIRONMENT}
file=deploy/argocd/environments/$environment.yaml
[ -f "$file" ] || { echo "there is no $file" >&2; exit 2; }

# Others push to main as well; where they did, ours goes on top of theirs.
push() {
  local try
  for try in 1 2 3; do
    git push --quiet origin HEAD:refs/heads/main && return
    echo "push $try was refused; taking over what is new" >&2
    git fetch --quiet origin main
    git rebase --quiet FETCH_HEAD
  done
  return 1
}

case $verb in
  commit)
    git diff --quiet -- "$file" && { echo "$environment runs that already" >&2; exit 0; }
    git commit --quiet --message "${3:?a message}" -- "$file"
    push
    ;;
  back)
    last=$(git log --max-count=1 --format=%H -- "$file")
    # What brought the file has nothing before it to go back to.
    git cat-file -e "$last~1:$file" 2> /dev/null || { echo "$environment has run nothing else" >&2; exit 1; }
    [ "$(git show --format= --name-only "$last")" = "$file" ] \
      || { echo "$last changed other files too: revert it by hand" >&2; exit 1; }
    git revert --no-edit "$last"
    push
    ;;
  tag)
    tag=env-${environment^^}
    git tag --force "$tag" "${3:?a revision}"
    git push --quiet --force origin "refs/tags/$tag"
    ;;
  *)
    echo "unknown: $verb" >&2
    exit 2
    ;;
esac
