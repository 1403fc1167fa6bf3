# The CDK's bootstraps of the account: previews have one that has their policies, and share it with no other stack.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The options are account.sh's.

# The bootstraps that have the qualifier $1, or the name of the stack: name, qualifier, policies, status.
toolkits() {
  stacks --query "Stacks[?StackName=='$toolkit' || Parameters[?ParameterKey=='Qualifier' && ParameterValue=='$1']].[StackName, Parameters[?ParameterKey=='Qualifier'].ParameterValue | [0], Parameters[?ParameterKey=='CloudFormationExecutionPolicies'].ParameterValue | [0], StackStatus]"
}

# Whether a bootstrap has policies of PreviewAccount and no others. None at all are an administrator's.
reserved() {
  [ -n "$1" ] && [ "$1" != None ] && ! tr , '\n' <<< "$1" | grep -Ev '^arn:[a-z-]+:iam::[0-9]{12}:policy/PreviewAccount-' > /dev/null
}

# Whether previews may take the bootstrap, since it is not there yet, or theirs.
unclaimed() {
  local found name of policies state
  found=$(toolkits "$qualifier") || return
  while IFS=$'\t' read -r name of policies state; do
    [ -n "$name" ] || continue
    if [ "$name" != "$toolkit" ] || [ "$of" != "$qualifier" ]; then
      refused "$name is a bootstrap with the qualifier $of, so with --qualifier $qualifier --toolkit $toolkit previews would share its bucket or take its place: nothing is done." \
        "Run this again with --qualifier previews --toolkit CDKToolkit-previews"
      return
    fi
    reserved "$policies" || [ "$claim" = "$toolkit" ] && continue
    refused "$toolkit is there already, with other policies: nothing is done. If other stacks use it, run this again with --qualifier previews --toolkit CDKToolkit-previews;" \
      "if previews alone do, since an earlier version of this project bootstrapped it, with --claim $toolkit"
    return
  done <<< "$found"
}

# Whether there is a bootstrap of previews with the qualifier $1.
bootstrapped() {
  local found name of policies state
  found=$(toolkits "$1") || return
  if [ "$(cut -f2 <<< "$found" | grep -cx -e "$1")" -gt 1 ]; then
    refused "Several bootstraps have the qualifier $1, and share a bucket: no variable is set. Delete those that are not previews'"
    return
  fi
  while IFS=$'\t' read -r name of policies state; do
    case $state in CREATE_COMPLETE | UPDATE_COMPLETE | UPDATE_ROLLBACK_COMPLETE) ;; *) continue ;; esac
    [ "$of" = "$1" ] && reserved "$policies" && return
  done <<< "$found"
  refused "No bootstrap with the qualifier $1 has the policies of previews: no variable is set. Run '$0 deploy' with --qualifier $1 and the stack of its bootstrap by --toolkit, and see that it ends well"
}
