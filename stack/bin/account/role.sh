# The role that CloudFormation took for previews, which stays when PreviewAccount is deleted: a preview that is still there
# is deleted as the role that it was deployed with, and nothing else could replace it.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The options are account.sh's.

# Deletes a policy that no role has any more, and no role is bounded by.
delete_unused_policy() {
  local uses versions version
  uses=$(aws iam get-policy --policy-arn "$1" --query 'Policy.[AttachmentCount, PermissionsBoundaryUsageCount]' --output text) || return
  [ "$uses" = $'0\t0' ] || return 0
  versions=$(aws iam list-policy-versions --policy-arn "$1" --query 'Versions[?!IsDefaultVersion].VersionId' --output text) || return
  for version in $versions; do
    aws iam delete-policy-version --policy-arn "$1" --version-id "$version" || return
  done
  aws iam delete-policy --policy-arn "$1" && echo "The policy ${1##*/} is deleted"
}

# The policies of an earlier PreviewAccount, by the names that CloudFormation gave them; of none while there is one, in whatever
# region, whose they may be.
left_policies() {
  local stack others
  stack=$(stacks --query "Stacks[?StackName=='PreviewAccount'].StackName") && others=$(other_regions) || return
  [ -n "$stack$others" ] || aws iam list-policies --scope Local --output text --query "Policies[?starts_with(PolicyName, 'PreviewAccount-Previews')].Arn"
}

delete_role() {
  local role used own found attached policy left
  role="preview-$qualifier-execution-$AWS_REGION"
  used=$(stacks --query "Stacks[?ends_with(not_null(RoleARN, ''), ':role/$role')].StackName") && own=$(owned "PhysicalResourceId=='$role'") || return
  if [ -n "$used$own" ]; then
    refused "$role is in use by ${used:-PreviewAccount}: nothing is deleted. Delete its stacks first"
    return
  fi
  left=$(left_policies) && found=$(aws iam list-roles --output text --query "Roles[?RoleName=='$role'].RoleName") || return
  if [ -n "$found" ]; then
    attached=$(aws iam list-attached-role-policies --role-name "$role" --query 'AttachedPolicies[].PolicyArn' --output text) || return
    for policy in $attached; do
      aws iam detach-role-policy --role-name "$role" --policy-arn "$policy" || return
      case $policy in *:policy/PreviewAccount-Previews*) left+=" $policy" ;; esac
    done
    aws iam delete-role --role-name "$role" || return
    echo "The role $role is deleted"
  else
    echo "There is no role $role"
  fi
  # What was interrupted before has left policies without a role.
  for policy in $(tr -s '[:space:]' '\n' <<< "$left" | sort -u); do
    delete_unused_policy "$policy" || return
  done
}
