# The repository's variables, by which its workflows know the account.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The options are account.sh's.

# The value that a variable has now; nothing where it is not set.
value_of() { gh api --paginate "repos/$repo/actions/variables" --jq ".variables[] | select(.name == \"$1\").value"; }

# Whether PreviewAccount has what its outputs name, and is to keep it.
settled() {
  local state
  state=$(stacks --stack-name PreviewAccount --query 'Stacks[0].StackStatus') || return
  case $state in CREATE_COMPLETE | UPDATE_COMPLETE | UPDATE_ROLLBACK_COMPLETE) return ;; esac
  refused "PreviewAccount in $AWS_REGION is $state: no variable is set. Run '$0 deploy', and see that it ends well"
}

# Whether the previews stay where they are: the workflows look in the region and the account of the variables alone. Where a
# move was interrupted between two variables, one of both is from before.
stays() {
  local region_before role place
  region_before=$(value_of AWS_REGION) && role=$(value_of AWS_DEPLOY_ROLE_ARN) || return
  region_before=${region_before:-$AWS_REGION}
  case $role in arn:*) role=$(cut -d: -f5 <<< "$role") ;; *) role=$account ;; esac
  for place in "$account/$AWS_REGION" $moved_from; do
    [ "$role" = "$account" ] || [ "$role" = "${place%/*}" ] || continue
    [ "$region_before" = "$AWS_REGION" ] || [ "$region_before" = "${place#*/}" ] || continue
    return 0
  done
  refused "The previews of $repo are in $region_before of the account $role, where nothing would delete them: no variable is set." \
    "Delete them first, and run this again with --moved-from $role/$region_before"
}

# Whether forks get no token that writes, by which they would get the roles.
sealed() {
  local visibility tokens setting="the setting 'Send write tokens to workflows from pull requests' on, by which forks would get the roles: no variable is set."
  visibility=$(of_repository .visibility) || return
  [ "$visibility" != public ] || return 0
  tokens=$(gh api "repos/$repo/actions/permissions/fork-pr-workflows-private-repos" --jq .send_write_tokens_to_workflows) && [ "$tokens" = false ] && return
  if [ "$tokens" = true ]; then
    refused "$repo has $setting Switch it off in Settings, Actions, General, and run this again"
  else
    refused "GitHub does not say whether $repo has $setting Run this again as a person who administers the repository"
  fi
}

# Scheduled workflows are disabled in a fork. One that a person has disabled stays so.
enable_schedules() {
  local workflow state
  for workflow in sweep.yml chaos.yml deny.yml; do
    state=$(gh api "repos/$repo/actions/workflows/$workflow" --jq .state) ||
      refused "GitHub does not say whether $workflow of $repo is enabled. The variables are set; enable Actions in the repository's tab Actions, and run this again" || return
    if [ "$state" = disabled_manually ]; then
      echo "$workflow stays disabled, as someone has set it by hand" >&2
    else
      gh workflow enable "$workflow" --repo "$repo" || return
    fi
  done
}

# Which variables are set, and to what: a name and an output of PreviewAccount in each line. Some only where they were before.
wanted() {
  local before
  before=$(gh api --paginate "repos/$repo/actions/variables" --jq '.variables[].name') || return
  is_set() { grep -qx "$1" <<< "$before"; }
  cat << 'TEXT'
AWS_DEPLOY_ROLE_ARN DeployRoleArn
AWS_TEARDOWN_ROLE_ARN TeardownRoleArn
AWS_VERIFY_ROLE_ARN VerifyRoleArn
AWS_BOUNDARY_POLICY_ARN BoundaryPolicyArn
TEXT
  if [ -n "$chaos" ] || is_set AWS_CHAOS_ROLE_ARN; then echo AWS_CHAOS_ROLE_ARN ChaosRoleArn; fi
  if is_set AWS_HEADERS_POLICY_ID; then echo AWS_HEADERS_POLICY_ID HeadersPolicyId; fi
  if [ "$1" != hnb659fds ] || is_set AWS_BOOTSTRAP_QUALIFIER; then echo AWS_BOOTSTRAP_QUALIFIER Qualifier; fi
}

# All outputs are read before the first variable is set: half of them would be roles of two accounts.
set_variables() {
  local deployed wanted name of value values=''
  named && placed && ours && settled && stays && sealed && deployed=$(output Qualifier) && bootstrapped "$deployed" || return
  wanted=$(wanted "$deployed") || return
  # By a descriptor of their own: AWS's or GitHub's command line may read from stdin.
  while read -r name of <&3; do
    value=$(output "$of") || return
    values+="$name $value"$'\n'
  done 3<<< "$wanted"
  gh variable set AWS_REGION --repo "$repo" --body "$AWS_REGION" || return
  while read -r name value <&3; do
    [ -z "$name" ] || gh variable set "$name" --repo "$repo" --body "$value" || return
  done 3<<< "$values"
  enable_schedules && echo "The variables of $repo are set. Next, open a pull request within it"
}
