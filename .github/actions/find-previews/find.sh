#!/usr/bin/env bash
# Lists the previews of this repository that nobody needs any more: its numbers as `prs`, and why in the job's summary.
#
# Where GitHub does not say whether a pull request is open, its preview is kept, and this fails when all is listed: a sweep
# that could not look has swept nothing, and should not be green.
set -euo pipefail

library=$(dirname "$0")/..
# shellcheck source=.github/actions/previews.sh
. "$library/previews.sh"
# GitHub allows a matrix of 256 jobs; what is over is found again the next night.
most=256

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
stacks=$(aws cloudformation describe-stacks --output json)
ask() {
  jq --raw-output -L "$library" --arg id "$GITHUB_REPOSITORY_ID" --arg repo "$GITHUB_REPOSITORY" "include \"previews\"; .Stacks[] | $1" <<< "$stacks"
}
# shellcheck disable=SC2016 # The variables are jq's.
previews=$(ask 'select(is_preview_of($id; $repo)) | "\(pull_request) \(expires)"')
# shellcheck disable=SC2016
others=$(ask 'select(is_preview_of_another($id; $repo)) | .StackName')
while read -r name; do
  [ -n "$name" ] || continue
  echo "::warning title=Not ours::$name is tagged as a preview of another repository, and nothing here deletes it. An account holds one repository's previews. If nobody needs it, delete it by hand." >&2
done <<< "$others"
prs=()
count=0
lost=0
while read -r pr expires; do
  [ -n "$pr" ] || continue
  count=$((count + 1))
  # What is expired is deleted whatever GitHub says, or does not.
  if ! why=$(why_unneeded unknown "$expires"); then
    if ! state=$(state_of "$pr" "$errors"); then
      error=$(head --lines=1 "$errors")
      lost=$((lost + 1))
      echo "::warning title=Not looked at::Stack-PR$pr is kept for now: GitHub does not say whether its pull request is open: $error" >&2
      continue
    fi
    why=$(why_unneeded "$state" "$expires") || continue
  fi
  echo "Stack-PR$pr: $why" | tee --append "$GITHUB_STEP_SUMMARY"
  prs+=("$pr")
done <<< "$previews"
echo "${#prs[@]} of $count previews are to be deleted." | tee --append "$GITHUB_STEP_SUMMARY"
echo "prs=$(jq --compact-output --null-input --argjson most "$most" '$ARGS.positional[:$most]' --args -- "${prs[@]}")" >> "$GITHUB_OUTPUT"
if [ "$lost" != 0 ]; then
  echo "::error title=Not swept::GitHub does not say whether the pull requests of $lost of $count previews are open. What is listed is deleted all the same. See to the errors above, and run this again." >&2
  exit 1
fi
