#!/usr/bin/env bash
# Deletes the stack of the pull request $PR, and waits until it is gone.
#
# What is asked for may be over by the time that it is this job's turn: the pull request was opened again, or a push has
# put off the day on which its preview expires. So it is seen to just before, unless $FORCE is true.
#
# A stack that is not there is no failure: whoever else deletes previews may have been faster. Neither is a pull request
# that is not there: what chaos.yml deploys belongs to none, and what it left behind is swept like any other preview.
#
# Either way the outputs say that it is gone, so that a repeated run says so in the comment, too, where the one before
# could not.
set -euo pipefail

library=$(dirname "$0")/..
# shellcheck source=.github/actions/previews.sh
. "$library/previews.sh"
if ! [[ $PR =~ ^[1-9][0-9]{0,8}$ ]]; then
  echo "::error::A pull request number was expected."
  exit 1
fi
stack="Stack-PR$PR"
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
refuse() {
  uncommanded < "$errors" >&2
  exit 1
}

# Says that the stack is gone, and whether there is a pull request to say so in: only if GitHub knows of none there is none.
gone() {
  local deleted=$1 state=$2 pull_request=true
  if [ -z "$state" ] && ! state=$(state_of "$PR" "$errors"); then
    echo "::warning title=Not looked up::GitHub does not say whether there is a pull request $PR: $(head --lines=1 "$errors")"
  fi
  if [ "$state" = none ]; then
    pull_request=false
  fi
  {
    echo "deleted=$deleted"
    echo "pull-request=$pull_request"
  } >> "$GITHUB_OUTPUT"
}

if ! description=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0]' --output json 2> "$errors"); then
  if grep --quiet 'does not exist' "$errors"; then
    echo "$stack does not exist: there is nothing to delete." | tee --append "$GITHUB_STEP_SUMMARY"
    gone false ""
    exit 0
  fi
  refuse
fi
# A name is not enough: what is deleted says of itself that it is a preview of this repository, or has nothing to lose.
if ! jq --exit-status -L "$library" --arg id "$GITHUB_REPOSITORY_ID" --arg repo "$GITHUB_REPOSITORY" \
  'include "previews"; is_preview_of($id; $repo)' <<< "$description" > /dev/null; then
  echo "::error::$stack is not tagged as a preview of $GITHUB_REPOSITORY, and is not deleted."
  exit 1
fi
state=
if [ "${FORCE:-}" != true ]; then
  expires=$(jq --raw-output -L "$library" 'include "previews"; expires' <<< "$description")
  # What is expired is deleted whatever GitHub says, or does not.
  if ! why=$(why_unneeded unknown "$expires") && ! state=$(state_of "$PR" "$errors"); then
    echo "::error title=Not deleted::$stack is kept: GitHub does not say whether its pull request is closed. Run this again, or leave it to the nightly sweep."
    refuse
  fi
  if [ -z "$why" ] && ! why=$(why_unneeded "$state" "$expires"); then
    echo "::notice title=Not deleted::$stack is kept: its pull request is not closed, and it expires: $expires. To delete it all the same, run teardown.yml by hand."
    exit 0
  fi
  echo "$stack is to be deleted: $why." | tee --append "$GITHUB_STEP_SUMMARY"
fi
# An app may give it to its stack, and the role that deletes may not take it away.
if jq --exit-status '.EnableTerminationProtection == true' <<< "$description" > /dev/null; then
  echo "::error title=Not deleted::$stack has termination protection, which its app gave it. Lift it with rights of your own (update-termination-protection --no-enable-termination-protection --stack-name $stack, of CloudFormation), and run this again."
  exit 1
fi
# CloudFormation deletes no stack that it updates; that of a first deployment it does.
status=$(jq --raw-output .StackStatus <<< "$description")
case $status in
  UPDATE_*_IN_PROGRESS | UPDATE_IN_PROGRESS | IMPORT_*IN_PROGRESS)
    echo "::error title=Not deleted::$stack is $status, and CloudFormation deletes no stack that it updates. Run this again when that is over, or leave it to the nightly sweep."
    exit 1
    ;;
esac
aws cloudformation delete-stack --stack-name "$stack"
if ! aws cloudformation wait stack-delete-complete --stack-name "$stack"; then
  aws cloudformation describe-stack-events --stack-name "$stack" --output text --query \
    "StackEvents[?ResourceStatus=='DELETE_FAILED'].[LogicalResourceId, ResourceStatusReason]" | uncommanded
  echo "::error::$stack is not deleted; the resources that are in the way are listed above."
  exit 1
fi
echo "$stack is deleted." | tee --append "$GITHUB_STEP_SUMMARY"
gone true "$state"
