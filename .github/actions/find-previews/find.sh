#!/usr/bin/env bash
# Lists the previews of this repository that nobody needs any more: its numbers as `prs`, and why in the job's summary.
set -euo pipefail

library=$(dirname "$0")/..
# shellcheck source=.github/actions/previews.sh
. "$library/previews.sh"
# GitHub allows a matrix of 256 jobs; what is over is found again the next night.
most=256

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
previews=$(aws cloudformation describe-stacks --output json | jq --raw-output -L "$library" \
  --arg id "$GITHUB_REPOSITORY_ID" --arg repo "$GITHUB_REPOSITORY" '
    include "previews";
    .Stacks[] | select(is_preview_of($id; $repo)) | "\(pull_request) \(expires)"
  ')
prs=()
count=0
while read -r pr expires; do
  [ -n "$pr" ] || continue
  count=$((count + 1))
  # What is expired is deleted whatever GitHub says, or does not.
  if ! why=$(why_unneeded unknown "$expires"); then
    if ! state=$(state_of "$pr" "$errors"); then
      error=$(head --lines=1 "$errors")
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
