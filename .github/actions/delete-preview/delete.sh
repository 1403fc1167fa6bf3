#!/usr/bin/env bash
# Deletes the stack of the pull request $PR, and waits until it is gone.
#
# A stack that is not there is no failure: whoever else deletes previews may have been faster. Neither is a pull request
# that is not there: what chaos.yml deploys belongs to none, and what it left behind is swept like any other preview.
set -euo pipefail

library=$(dirname "$0")/..
if ! [[ $PR =~ ^[1-9][0-9]{0,8}$ ]]; then
  echo "::error::A pull request number was expected."
  exit 1
fi
stack="Stack-PR$PR"
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

if ! description=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0]' --output json 2> "$errors"); then
  if grep --quiet 'does not exist' "$errors"; then
    echo "$stack does not exist: there is nothing to delete." | tee --append "$GITHUB_STEP_SUMMARY"
    exit 0
  fi
  cat "$errors" >&2
  exit 1
fi
# A name is not enough: what is deleted says of itself that it is a preview of this repository.
if ! jq --exit-status -L "$library" --arg id "$GITHUB_REPOSITORY_ID" --arg repo "$GITHUB_REPOSITORY" \
  'include "previews"; is_preview_of($id; $repo)' <<< "$description" > /dev/null; then
  echo "::error::$stack is not tagged as a preview of $GITHUB_REPOSITORY, and is not deleted."
  exit 1
fi
aws cloudformation delete-stack --stack-name "$stack"
if ! aws cloudformation wait stack-delete-complete --stack-name "$stack"; then
  aws cloudformation describe-stack-events --stack-name "$stack" --output text --query \
    "StackEvents[?ResourceStatus=='DELETE_FAILED'].[LogicalResourceId, ResourceStatusReason]"
  echo "::error::$stack is not deleted; the resources that are in the way are listed above."
  exit 1
fi
echo "$stack is deleted." | tee --append "$GITHUB_STEP_SUMMARY"

pull_request=true
if ! gh api "repos/$GITHUB_REPOSITORY/pulls/$PR" --silent 2> "$errors"; then
  if ! grep --quiet 'HTTP 404' "$errors"; then
    cat "$errors" >&2
    exit 1
  fi
  pull_request=false
fi
{
  echo "deleted=true"
  echo "preview-url=$(jq --raw-output '.Outputs[]? | select(.OutputKey == "PreviewUrl").OutputValue' <<< "$description")"
  echo "pull-request=$pull_request"
} >> "$GITHUB_OUTPUT"
