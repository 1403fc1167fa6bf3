#!/usr/bin/env bash
# Deploys a preview by hand, as preview.yml does for a pull request.
set -uo pipefail
# A link to this leads to where its parts are; not every system's readlink does that in one step.
self=${BASH_SOURCE[0]}
while [ -L "$self" ]; do
  link=$(readlink "$self") || exit
  case $link in /*) self=$link ;; *) self=$(dirname -- "$self")/$link ;; esac
done
# CDPATH would lead elsewhere, and print it.
here=$(CDPATH='' cd -- "$(dirname -- "$self")" > /dev/null && pwd) || exit
# shellcheck source=stack/bin/account/ask.sh
. "$here/account/ask.sh" || exit

usage() {
  cat << 'TEXT'
Usage: preview.sh --pr NUMBER --repo OWNER/NAME --region REGION [--shared-headers]

Deploys the commit that is checked out as the preview Stack-PR<NUMBER>, for 14 days, to the account of the AWS CLI, which
'account.sh deploy' has set up. It takes a tree without changes: the preview's tag sha says what is deployed.

  --pr NUMBER        the pull request's number
  --repo OWNER/NAME  its repository
  --region REGION    where the previews are
  --shared-headers   shares the account's response headers policy, where there are more than 18 previews
TEXT
}

pr='' repo='' region='' shared=''
while [ $# -gt 0 ]; do
  option=$1 && shift
  case $option in -h | --help) usage && exit ;; --*=*) set -- "${option#*=}" "$@" && option=${option%%=*} && given=yes ;; *) given='' ;; esac
  case $given$option in --shared-headers) shared=yes && continue ;; yes--shared-headers) misused "$option takes no value" ;; esac
  case $option in --pr | --repo | --region) ;; *) misused "$option is no option" ;; esac
  case $given${1-} in '' | yes | --*) misused "$option has no value" ;; esac
  case $option in
    --pr) pr=$1 ;;
    --repo) repo=$1 ;;
    --region) region=$1 ;;
  esac
  shift
done
# The last is that of the preview of chaos.yml.
case $pr in '' | 0* | *[!0-9]* | ??????????* | 999999999) misused "--pr takes a pull request's number, of nine digits at most" ;; esac
[ -n "$repo" ] || misused "--repo is missing"
[ -n "$region" ] || misused "--region is missing"
fits --region "$region" '[a-z]{2,4}(-[a-z]+)+-[0-9]+' 'a region, such as eu-central-1'
fits --repo "$repo" '[A-Za-z0-9-]+/[A-Za-z0-9._-]+' 'OWNER/NAME'
needs aws "the AWS CLI 1 or 2" && needs gh "GitHub's CLI 2.32 or later" && needs npm "Node 20.19 or later" && needs cargo Rust && needs git git
reach_aws "$region" || exit
cd -- "$here/.." || exit

# The sweep knows its previews by the repository's id, so one of another repository's id would stay, or be another's.
is_served() {
  local served
  repo_id=$(of_repository .id) && repo=$(of_repository .full_name) && served=$(output RepositoryId) || return
  [ "$repo_id" = "$served" ] || refused "PreviewAccount in $AWS_REGION is for the repository with the id $served, and $repo has $repo_id: nothing is deployed"
}

is_committed() {
  local changed
  # What git ignores is deployed all the same where it is in the site's folder, but for its config.js.
  changed=$(git status --porcelain --untracked-files=all && git status --porcelain --untracked-files=all --ignored -- ../site | grep -v 'site/config\.js$') ||
    [ $? -eq 1 ] || return
  [ -z "$changed" ] || refused "The tree has what is in no commit: nothing is deployed. Commit, stash or remove it:"$'\n'"$changed"
}

deploy_preview() {
  local sha until boundary qualifier headers context
  is_committed && is_served && boundary=$(output BoundaryPolicyArn) && qualifier=$(output Qualifier) && sha=$(git rev-parse HEAD) &&
    until=$(node -p "new Date(Date.now() + 14 * 864e5).toISOString().replace(/[.].*/, 'Z')") || return
  # Where the CDK has credentials of another account than the AWS CLI, no role can be made with this boundary.
  context=(-c "pr=$pr" -c "repo=$repo" -c "repoId=$repo_id" -c "sha=$sha" -c "run=by-hand/$(date +%s)" -c "expires=$until"
    -c "boundary=$boundary" -c "qualifier=$qualifier")
  if [ -n "$shared" ]; then headers=$(output HeadersPolicyId) && context+=(-c "headersPolicy=$headers") || return; fi
  (cd -- "$here/../.." && cargo xtask package --arch arm64) && npm ci --ignore-scripts && npx --no-install cdk deploy "${context[@]}" "Stack-PR$pr"
}
deploy_preview
