#!/usr/bin/env bash
# Lists the previews of this repository that nobody needs any more: its numbers as `prs`, and why in the job's summary.
set -euo pipefail

library=$(dirname "$0")/..
# GitHub allows a matrix of 256 jobs; what is over is found again the next night.
most=256

# The state of a pull request: open, closed, none where there is no such number, or unknown where it cannot be said.
state_of() {
  local state error
  if state=$(gh api "repos/$GITHUB_REPOSITORY/pulls/$1" --jq .state 2> "$errors"); then
    echo "$state"
  elif grep --quiet 'HTTP 404' "$errors"; then
    echo none
  else
    error=$(head --lines=1 "$errors")
    echo "::warning title=Not looked at::Stack-PR$1 is kept for now: GitHub does not say whether its pull request is open: $error" >&2
    echo unknown
  fi
}

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
previews=$(aws cloudformation describe-stacks --output json | jq --raw-output -L "$library" \
  --arg id "$GITHUB_REPOSITORY_ID" --arg repo "$GITHUB_REPOSITORY" '
    include "previews";
    .Stacks[] | select(is_preview_of($id; $repo)) | "\(pull_request) \(expires)"
  ')
now=${NOW:-$(date --utc +%FT%TZ)}
prs=()
count=0
while read -r pr expires; do
  [ -n "$pr" ] || continue
  count=$((count + 1))
  # Times of this form sort as text.
  if [ "$expires" != never ] && [[ $expires < $now ]]; then
    why="expired at $expires"
  elif [ "$(state_of "$pr")" = closed ]; then
    why="its pull request is closed"
  else
    continue
  fi
  echo "Stack-PR$pr: $why" | tee --append "$GITHUB_STEP_SUMMARY"
  prs+=("$pr")
done <<< "$previews"
echo "${#prs[@]} of $count previews are to be deleted." | tee --append "$GITHUB_STEP_SUMMARY"
echo "prs=$(jq --compact-output --null-input --argjson most "$most" '$ARGS.positional[:$most]' --args -- "${prs[@]}")" >> "$GITHUB_OUTPUT"
