# What has to hold before the account's stack is deployed. Each check says why nothing is done, and what to do.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The options are account.sh's.

# The repository, by what GitHub calls it; its workflows are what the account trusts.
named() {
  local admin
  admin=$(of_repository .permissions.admin) || return
  if [ "$admin" != true ]; then
    refused "You do not administer $repo, whose workflows the account would trust: nothing is done. Fork it, and name your fork by --repo"
    return
  fi
  repo_id=$(of_repository .id) && owner_id=$(of_repository .owner.id) && branch=$(of_repository .default_branch) && repo=$(of_repository .full_name)
}

placed() { account=$(current_account); }

# The budget, where the region's CloudFormation makes any.
budgeted() {
  local answer
  [ "$budget" != none ] || return 0
  answer=$(aws cloudformation describe-type --type RESOURCE --type-name AWS::Budgets::Budget --query Arn --region "$AWS_REGION" 2>&1) && return
  case $answer in *TypeNotFoundException*) ;; *) refused "$answer" || return ;; esac
  budget=none
  echo "CloudFormation makes no budgets in $AWS_REGION: make one by hand, in AWS's console under Billing and Cost Management, Budgets" >&2
}

# Whether a person is told what the account costs.
told() {
  [ "$budget" != none ] || return 0
  [ -n "$email" ] || misused "--email is missing: who is told when the account costs more than $budget dollars a month? For no budget, pass --budget none"
  case $(tr '[:upper:]' '[:lower:]' <<< "$email") in *[@.]example.com | *[@.]example.net | *[@.]example.org) ;; *) return ;; esac
  refused "The budget's alarms would go to $email, a placeholder: nothing is done. Run this again with --email and an address of yours"
}

# The regions whose names are in those of the account's roles of previews. The form of a region is spelled out, since an
# account may have roles of others whose names begin and end alike.
other_regions() {
  local roles
  roles=$(aws iam list-roles --output text --query "Roles[?starts_with(RoleName, 'preview-') && contains(RoleName, '-deployment-') && ! ends_with(RoleName, '-deployment-$AWS_REGION')].[RoleName]") || return
  grep -E '^preview-[a-z0-9-]{1,10}-deployment-[a-z]{2,4}(-[a-z]+)?-(central|(north|south)(east|west)?|east|west)-[0-9]+$' <<< "$roles" | sed 's/.*-deployment-//' || true
}

# Whether a place of other previews is among those that they were moved from.
moved_from() { case " $moved_from " in *" $1 "*) ;; *) return 1 ;; esac }

# Whether the stack PreviewAccount of a region, if there is one, is this repository's.
served() {
  local found of state hint
  found=$(stacks --region "$1" --query "Stacks[?StackName=='PreviewAccount'].[(Outputs[?OutputKey=='RepositoryId'].OutputValue | [0]) || (Tags[?Key=='repo'].Value | [0]), StackStatus]") || return
  IFS=$'\t' read -r of state <<< "$found"
  case $of in
    '' | "$repo_id" | "$repo" | "${former:-$repo}") return ;;
    None)
      # What a change set left that was never executed has neither tags nor outputs, nor resources.
      [ "$state" != REVIEW_IN_PROGRESS ] || return 0
      refused "The stack PreviewAccount in $1 does not say which repository it is for, so it is another one's that is only called alike: nothing is done, or its resources would be replaced. Take another account"
      return
      ;;
  esac
  hint="If this repository is to replace that one, delete its previews, and run this again with --former $of"
  case $of in */*) hint="If this repository had that name before, run this again with --former $of. $hint" ;; esac
  refused "PreviewAccount in $1 is for another repository, $of: nothing is done, or its workflows would lose their roles." \
    "An account holds the previews of one repository. $hint"
}

# Whether PreviewAccount is this repository's, in the region and in all others: some names of previews are the account's.
ours() {
  local others other
  others=$(other_regions) || return
  for other in "$AWS_REGION" $others; do
    served "$other" || return
    if [ "$other" = "$AWS_REGION" ] || moved_from "$account/$other"; then continue; fi
    refused "The account has roles of previews in $other, and an account holds the previews of one region: nothing is done." \
      "If they are this repository's from before, delete its previews and PreviewAccount there, and run this again with --moved-from $account/$other"
    return
  done
}

# Whether the qualifier is that of the previews that are there.
qualified() {
  local role deployed
  role=$(owned "starts_with(not_null(PhysicalResourceId, ''), 'preview-') && ends_with(not_null(PhysicalResourceId, ''), '-deployment-$AWS_REGION')") || return
  deployed=${role#preview-} deployed=${deployed%-deployment-*}
  [ -n "$role" ] && [ "$deployed" != "$qualifier" ] && [ -z "$requalify" ] || return 0
  refused "PreviewAccount is for the qualifier $deployed, and would lose its roles, by which the previews that are there are updated: nothing is done." \
    "Run this again with --qualifier $deployed, and --toolkit and its bootstrap's stack; or delete the previews, and run it again with --requalify"
}

# Whether the name of the role that CloudFormation takes is free.
roleless() {
  local role found own
  role="preview-$qualifier-execution-$AWS_REGION"
  found=$(aws iam list-roles --output text --query "Roles[?RoleName=='$role'].RoleName") && own=$(owned "PhysicalResourceId=='$role'") || return
  [ -n "$found" ] && [ -z "$own" ] || return 0
  refused "The role $role is there already, and PreviewAccount would make one of that name: nothing is done. An earlier PreviewAccount left it, for previews that were still there." \
    "When there are none any more, run '$0 delete-role --region $AWS_REGION --qualifier $qualifier', and this again"
}

# GitHub's provider, where the account has one that is not the stack's own: it can have no second one.
provider() {
  local arn own audience
  foreign_provider=
  arn=$(aws iam list-open-id-connect-providers --output text \
    --query "OpenIDConnectProviderList[?ends_with(Arn, ':oidc-provider/token.actions.githubusercontent.com')].Arn") && own=$(owned "PhysicalResourceId=='$arn'") || return
  [ -n "$arn" ] || return 0
  audience=$(aws iam get-open-id-connect-provider --open-id-connect-provider-arn "$arn" --output text --query "ClientIDList[?@=='sts.amazonaws.com']") || return
  if [ "$audience" != sts.amazonaws.com ]; then
    refused "The account's provider for GitHub's tokens does not have the audience of AWS, so no workflow would get a role: nothing is done." \
      "Run 'aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn $arn --client-id sts.amazonaws.com', and this again"
    return
  fi
  [ -n "$own" ] || foreign_provider=$arn
}

# Deploys the stack with the caller's own rights, and the bootstrap with the stack's policies: without any, CDK's bootstrap
# takes an administrator's and does not ask.
deploy_account() {
  local policies context
  named && placed && budgeted && told && ours && qualified && unclaimed && roleless && provider || return
  context=(--app 'node --import tsx bin/account.ts' -c "repo=$repo" -c "ownerId=$owner_id" -c "repoId=$repo_id" -c "budget=$budget"
    -c "qualifier=$qualifier" -c "acct=$account" -c "reg=$AWS_REGION")
  [ -z "$email" ] || context+=(-c "budgetEmail=$email")
  [ -n "$default_branch" ] || context+=(-c "defaultBranch=$branch")
  [ -z "$foreign_provider" ] || context+=(-c "oidcProvider=$foreign_provider")
  # Pinned versions, and nothing of theirs is run while they are installed.
  npm ci --ignore-scripts || return
  npx --no-install cdk deploy "${context[@]}" || refused "PreviewAccount is not deployed, and nothing is bootstrapped. When the cause above is fixed, run this again" || return
  policies=$(output ExecutionPolicyArn) || return
  npx --no-install cdk bootstrap "${context[@]}" --qualifier "$qualifier" --toolkit-stack-name "$toolkit" --cloudformation-execution-policies "$policies" ||
    refused "PreviewAccount is deployed, and $toolkit is not. When the cause above is fixed, run this again" || return
  echo "PreviewAccount and $toolkit are deployed. Next, enable Actions in the repository's tab Actions if it is a fork, and run: $0 variables --repo $repo --region $AWS_REGION"
}
