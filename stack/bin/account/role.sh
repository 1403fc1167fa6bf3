# The role that CloudFormation took for previews, which stays when PreviewAccount is deleted: a preview that is still there
# is deleted as the role that it was deployed with, and nothing else could replace it.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The options are account.sh's.

# Deletes a policy that no role has any more, and no role is bounded by.
delete_unused_policy() {
  local uses version
  uses=$(aws iam get-policy --policy-arn "$1" --query 'Policy.[AttachmentCount, PermissionsBoundaryUsageCount]' --output text) || return
  [ "$uses" = $'0\t0' ] || return 0
  for version in $(aws iam list-policy-versions --policy-arn "$1" --query 'Versions[?!IsDefaultVersion].VersionId' --output text); do
    aws iam delete-policy-version --policy-arn "$1" --version-id "$version" || return
  done
  aws iam delete-policy --policy-arn "$1"
}

delete_role() {
  local role used own policies policy
  role="preview-$qualifier-execution-$AWS_REGION"
  used=$(stacks --query "Stacks[?ends_with(not_null(RoleARN, ''), ':role/$role')].StackName") && own=$(owned "PhysicalResourceId=='$role'") || return
  if [ -n "$used$own" ]; then
    refused "$role is in use by ${used:-PreviewAccount}: nothing is deleted. Delete its stacks first"
    return
  fi
  policies=$(aws iam list-attached-role-policies --role-name "$role" --query 'AttachedPolicies[].PolicyArn' --output text) || return
  for policy in $policies; do
    aws iam detach-role-policy --role-name "$role" --policy-arn "$policy" || return
  done
  aws iam delete-role --role-name "$role" || return
  for policy in $policies; do
    case $policy in *:policy/PreviewAccount-*) delete_unused_policy "$policy" || return ;; esac
  done
}
