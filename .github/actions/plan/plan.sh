#!/usr/bin/env bash
# Decides whether a pull request gets a preview, by the variables that action.yml sets; and says why there is none.
#
# Whoever proposes a change runs code of theirs beside the role that deploys: a fork's author may not, and a bot's
# dependency update, which nobody has read yet, may not either. AWS holds the second by itself: the roles do not trust
# runs whose actor is a bot (stack/lib/bots.ts).
set -euo pipefail

# Whether a login is a bot's, by GitHub's own type of the account where it is known. The same list is in stack/lib/bots.ts.
is_bot() {
  local login=$1 type=$2
  if [ "$type" = Bot ]; then
    return 0
  fi
  case $login in
    *'[bot]' | Copilot | dependabot | github-actions | renovate | renovate-bot) return 0 ;;
    *) return 1 ;;
  esac
}

# The reason why there is no preview; nothing where there is one.
why_not() {
  if [ "${HEAD_REPOSITORY:-}" != "$GITHUB_REPOSITORY" ]; then
    echo "the pull request comes from a fork, and code from a fork gets no AWS credentials. Its tests run all the same. For a preview, somebody with write access can push the branch to this repository."
    return
  fi
  local part login type
  for part in "the author:${AUTHOR:-}:${AUTHOR_TYPE:-}" "the actor:${ACTOR:-}:" \
    "the sender:${SENDER:-}:${SENDER_TYPE:-}" "the triggering actor:${TRIGGERING_ACTOR:-}:"; do
    IFS=: read -r part login type <<< "$part"
    if [ -z "$login" ]; then
      echo "GitHub does not say who $part is, and a bot's code gets no AWS credentials. Its tests run all the same. For a preview, push a commit of your own."
      return
    elif is_bot "$login" "$type"; then
      echo "$part is $login, and what a bot proposes gets no AWS credentials before somebody has read it. Its tests run all the same. For a preview, open a pull request of your own from a branch with these commits."
      return
    fi
  done
  if [ -z "${DEPLOY_ROLE:-}" ] || [ -z "${VERIFY_ROLE:-}" ] || [ -z "${REGION:-}" ]; then
    echo "no AWS account is connected. README.md, section Quick start on AWS, says how to set AWS_REGION, AWS_DEPLOY_ROLE_ARN and AWS_VERIFY_ROLE_ARN."
  fi
}

why=$(why_not)
if [ -n "$why" ]; then
  echo "::notice title=No preview::There is no preview: $why"
  echo "There is **no preview**: $why" >> "$GITHUB_STEP_SUMMARY"
  echo "deploys=false" >> "$GITHUB_OUTPUT"
else
  echo "deploys=true" >> "$GITHUB_OUTPUT"
fi
