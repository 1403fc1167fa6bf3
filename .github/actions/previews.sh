# shellcheck shell=bash
# What the scripts here have in common: whether anybody needs a preview.

# Prints what a stack or a service says, as it is, where the runner takes nothing of it for a command: a custom resource's
# reason is its author's.
# https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#stopping-and-starting-workflow-commands
uncommanded() {
  local token
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  echo "::stop-commands::$token"
  cat
  echo
  echo "::$token::"
}

# The state of a pull request: open, closed, or none where there is no such number, as the one that chaos.yml deploys as. Fails where GitHub does not say; why
# is in the file of the second argument then.
state_of() {
  local pr=$1 errors=$2 state
  if [ "$pr" = 999999999 ]; then
    echo none
  elif state=$(gh api "repos/$GITHUB_REPOSITORY/pulls/$pr" --jq .state 2> "$errors"); then
    echo "$state"
  elif grep --quiet 'HTTP 404' "$errors"; then
    echo none
  else
    return 1
  fi
}

# Why nobody needs a preview whose pull request is in this state, and that expires then: at a time in UTC, or never. Fails
# where somebody does. What belongs to no pull request, as chaos.yml deploys it, is needed until it expires.
why_unneeded() {
  local state=$1 expires=$2 now
  now=${NOW:-$(date --utc +%FT%TZ)}
  # Times of this form sort as text.
  if [ "$expires" != never ] && [[ $expires < $now ]]; then
    echo "expired at $expires"
  elif [ "$state" = closed ]; then
    echo "its pull request is closed"
  else
    return 1
  fi
}
