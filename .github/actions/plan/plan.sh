#!/usr/bin/env bash
# Decides whether a pull request gets a preview, by the variables that action.yml sets; and says why there is none.
#
# A person who proposes a change runs code of theirs beside the role that deploys: a fork's author may not, and a bot's
# dependency update, which nobody has read yet, may not either. AWS holds a part of the second by itself: the roles do not
# trust runs whose actor is a bot (stack/lib/bots.ts). It does not see who the author is.
#
# A required check that is skipped counts as passed, so the gate is skipped only where there is none by design. Where it
# would have to look, and may not, this step fails, and the gate with it. The first row that fits decides:
#
# | event        | repository | author     | account        | actor, sender, who ran it again | verify of this commit | outcome |
# |--------------|------------|------------|----------------|---------------------------------|-----------------------|---------|
# | merge_group  | any        | any        | any            | any                             | any                   | skip    |
# | another      | any        | any        | any            | any                             | any                   | fail    |
# | pull_request | a fork     | any        | any            | any                             | any                   | skip ²  |
# | pull_request | this       | a bot      | any            | any                             | any                   | skip ²  |
# | pull_request | this       | a person ¹ | none           | any                             | any                   | skip    |
# | pull_request | this       | a person ¹ | half connected | any                             | any                   | fail    |
# | pull_request | this       | not named  | connected      | any                             | any                   | fail    |
# | pull_request | this       | a person   | connected      | one is a bot, or not named      | any                   | fail    |
# | pull_request | this       | a person   | connected      | all are persons                 | was skipped, unknown  | fail ³  |
# | pull_request | this       | a person   | connected      | all are persons                 | a fork ran at it      | fail ⁴  |
# | pull_request | this       | a person   | connected      | all are persons                 | neither               | deploy  |
#
# ¹ Or not named. Neither the base nor the number of attempts matters: what is deployed is the head, what evaluates it is
# the default branch's, and the third of the fifth column is whoever asked for the attempt. An attempt of the failed jobs
# alone does not run this again: it keeps what was decided for the same commit, actor and sender.
# ² Fail where a person's pull request in this repository has the same commit: GitHub knows checks by commit, so that to
# skip this one would open the gate of that one.
# ³ The other way round: a fork, a bot, a merge queue or a time without an account has left a skipped check at this commit.
# It counts as passed until this run has one of its own, which takes a build and a deployment. A failure comes at once.
# ⁴ A fork's pull request runs the fork's own workflows. Whatever they are, a job of theirs that is called `verify` has left
# a check in this repository, and may have passed. Also where GitHub does not say.
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

# Whether the branch is in another repository, or in one that is gone. By its id: a run that is started again has the names
# of the event's time, and GITHUB_REPOSITORY has today's, so that after a rename one's own would look like a fork's.
# https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs
is_fork() {
  [ -z "${HEAD_REPOSITORY_ID:-}" ] || [ "$HEAD_REPOSITORY_ID" != "$GITHUB_REPOSITORY_ID" ]
}

# The variables of the account that are not set, with commas between.
missing() {
  local missing=()
  [ -n "${DEPLOY_ROLE:-}" ] || missing+=(AWS_DEPLOY_ROLE_ARN)
  [ -n "${VERIFY_ROLE:-}" ] || missing+=(AWS_VERIFY_ROLE_ARN)
  # What is deployed has to be deleted, too.
  [ -n "${TEARDOWN_ROLE:-}" ] || missing+=(AWS_TEARDOWN_ROLE_ARN)
  [ -n "${REGION:-}" ] || missing+=(AWS_REGION)
  # The execution policy lets a preview make no role without it.
  [ -n "${BOUNDARY_POLICY:-}" ] || missing+=(AWS_BOUNDARY_POLICY_ARN)
  local IFS=,
  echo "${missing[*]}"
}

# The open pull requests of persons in this repository that have the same commit, with commas between.
same_commit() {
  gh api --paginate "repos/$GITHUB_REPOSITORY/pulls?state=open&per_page=100" |
    jq --raw-output --slurp --arg pr "${PR:-}" --arg id "$GITHUB_REPOSITORY_ID" --arg sha "${SHA:-}" 'if length == 0 then error("no answer") else . end |
      [.[][] | select(.head.sha == $sha and (.head.repo.id | tostring) == $id and .user.type != "Bot").number
        | tostring | select(. != $pr)] | join(",")'
}

# How often the gate was skipped for this commit, in whatever pull request or merge queue.
# https://docs.github.com/en/rest/checks/runs#list-check-runs-for-a-git-reference
skipped_before() {
  gh api --paginate "repos/$GITHUB_REPOSITORY/commits/${SHA:-}/check-runs?check_name=verify&filter=all&per_page=100" |
    jq --slurp 'if length == 0 then error("no answer") else . end | [.[].check_runs[] | select(.conclusion == "skipped")] | length'
}

# How many runs at this commit come from another repository, or from one that is gone. GitHub lists no more than 1,000 of
# them: where there are more, this fails.
# https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
other_runs() {
  gh api --paginate "repos/$GITHUB_REPOSITORY/actions/runs?head_sha=${SHA:-}&per_page=100" |
    jq --slurp --arg id "$GITHUB_REPOSITORY_ID" '
      if length == 0 then error("no answer")
      elif any(.[]; .total_count > 1000) then error("more than 1,000 runs") else
        [.[].workflow_runs[] | select((.head_repository.id | tostring) != $id)] | length
      end'
}

# The outcome, a space, and why. `fail` says what to do next.
decide() {
  local others skipped other
  case ${EVENT:-} in
    pull_request) ;;
    merge_group)
      echo "skip a merge queue's commit gets no preview. Each of its pull requests passed before it was queued."
      return
      ;;
    *)
      echo "fail this workflow decides on pull requests, and not on the event ${EVENT:-that GitHub does not name}. Take that event out of the workflow."
      return
      ;;
  esac
  if is_fork || is_bot "${AUTHOR:-}" "${AUTHOR_TYPE:-}"; then
    if ! others=$(same_commit); then
      echo "fail this one gets no preview, and GitHub does not say whether another pull request has the same commit, whose gate would be open if this one passed. Run all jobs again."
      return
    elif [ -n "$others" ]; then
      echo "fail this one gets no preview, and pull request ${others//,/, } of this repository has the same commit, whose gate would be open if this one passed. Close this one, and run all jobs of the other again; or give the other a commit of its own (git commit --amend)."
      return
    fi
  fi
  if is_fork; then
    echo "skip the pull request comes from a fork, and code from a fork gets no AWS credentials. Its tests run all the same. For a preview, a person with write access can push a branch to this repository that ends with a commit of their own (git commit --amend)."
    return
  fi
  if is_bot "${AUTHOR:-}" "${AUTHOR_TYPE:-}"; then
    echo "skip the author is $AUTHOR, and what a bot proposes gets no AWS credentials before a person has read it. Its tests run all the same. For a preview, open a pull request of your own from a branch that ends with a commit of your own (git commit --amend)."
    return
  fi
  local unset
  unset=$(missing)
  if [ -z "${DEPLOY_ROLE:-}" ] && [ -z "${VERIFY_ROLE:-}" ]; then
    echo "skip no AWS account is connected. docs/aws.md says how to set ${unset//,/, }."
    return
  elif [ -n "$unset" ]; then
    echo "fail an AWS account is connected in part: the repository has no variable ${unset//,/, }. Set what is missing as docs/aws.md says, and run all jobs again."
    return
  fi
  if [ -z "${AUTHOR:-}" ]; then
    echo "fail GitHub does not say who the author is, and a bot's code gets no AWS credentials. Open a pull request of your own from a branch that ends with a commit of your own (git commit --amend)."
    return
  fi
  local part login type next
  # AWS and GitHub keep the actor of a run when it is run again.
  next="Push a commit of your own, or close the pull request and open it again; to run this again would not change who set it off."
  for part in "actor:${ACTOR:-}:" "sender:${SENDER:-}:${SENDER_TYPE:-}" "triggering actor:${TRIGGERING_ACTOR:-}:"; do
    IFS=: read -r part login type <<< "$part"
    if [ "$part" = 'triggering actor' ]; then
      next='Run all jobs again yourself.'
    fi
    if [ -z "$login" ]; then
      echo "fail GitHub does not say who the $part is, and a bot's code gets no AWS credentials. $next"
      return
    elif is_bot "$login" "$type"; then
      echo "fail the $part is $login, and what a bot changes gets no AWS credentials before a person has read it. $next"
      return
    fi
  done
  if ! skipped=$(skipped_before); then
    echo "fail GitHub does not say whether verify was skipped for this commit before, which would count as passed. Run all jobs again."
    return
  elif [ "$skipped" != 0 ]; then
    echo "fail verify was skipped for this commit before, in another pull request, in a merge queue, or without an AWS account, and that counts as passed. Push a commit of your own, so that there is another one (git commit --amend, or git commit --allow-empty)."
    return
  fi
  if ! other=$(other_runs); then
    echo "fail GitHub does not say whether a fork's workflows ran at this commit, whose verify would count. Run all jobs again."
    return
  elif [ "$other" != 0 ]; then
    echo "fail a fork's workflows ran at this commit, and a check called verify of theirs would count. Push a commit of your own, so that there is another one (git commit --amend, or git commit --allow-empty)."
    return
  fi
  echo deploy
}

decision=$(decide)
outcome=${decision%% *}
why=${decision#* }
case $outcome in
  deploy)
    echo "deploys=true" >> "$GITHUB_OUTPUT"
    ;;
  skip)
    echo "::notice title=No preview::There is no preview: $why"
    echo "There is **no preview**: $why" >> "$GITHUB_STEP_SUMMARY"
    echo "deploys=false" >> "$GITHUB_OUTPUT"
    ;;
  *)
    echo "::error title=Not verified::There is no preview to verify: $why"
    echo "There is **no preview**, and the gate is closed: $why" >> "$GITHUB_STEP_SUMMARY"
    echo "why=$why" >> "$GITHUB_OUTPUT"
    exit 1
    ;;
esac
