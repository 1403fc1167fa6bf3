# What the scripts beside ask of AWS and of GitHub, and how they say that they do nothing.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The options are those scripts'.

# Each of them fails, so that `refused … ` ends a check.
refused() {
  printf '%s\n' "$*" >&2
  return 1
}

misused() {
  refused "$*. '$0 --help' says what there is" || exit 2
}

# Whether the value of an option has a form, an extended regular expression.
fits() {
  grep -Eqx -e "$3" <<< "$2" || misused "$1 takes $4, and not $2"
}

# Whether a program is there.
needs() {
  command -v "$1" > /dev/null || refused "$1 is not there: install $2" || exit 2
}

# The host of a URL, in lower case.
host_of() {
  local host=${1#*://}
  host=${host%%[/?#]*} host=${host##*@}
  case $host in '['*) host=${host%%]*}] ;; *) host=${host%%:*} ;; esac
  tr '[:upper:]' '[:lower:]' <<< "$host"
}

# AWS CLI 1 reads the second variable alone.
reach_aws() {
  local variable
  export AWS_REGION=$1 AWS_DEFAULT_REGION=$1 GH_HOST=github.com
  for variable in $(compgen -v AWS_ENDPOINT_URL); do
    case $(host_of "${!variable}") in
      127.* | localhost | *.localhost | 0.0.0.0 | '[::1]' | '[::]')
        refused "$variable leads to a stack on this machine, ${!variable}, and not to AWS: nothing is done. Unset it, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or take another terminal"
        return
        ;;
    esac
  done
}

# The account that the AWS CLI is logged in to.
current_account() {
  local id
  id=$(aws sts get-caller-identity --query Account --output text) || return
  case $id in *[!0-9]* | '') refused "AWS does not say which account this is: nothing is done" ;; *) echo "$id" ;; esac
}

stacks() { aws cloudformation describe-stacks --output text --region "$AWS_REGION" "$@"; }

# An output of PreviewAccount.
output() {
  local value
  value=$(stacks --stack-name PreviewAccount --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue") && [ -n "$value" ] && [ "$value" != None ] && echo "$value" && return
  refused "PreviewAccount has no output $1 in $AWS_REGION: nothing is done without it"
}

# The ids of PreviewAccount's own resources of which a condition holds; of none where the stack is not there.
owned() {
  local stack
  stack=$(stacks --query "Stacks[?StackName=='PreviewAccount'].StackName") || return
  [ -z "$stack" ] || aws cloudformation describe-stack-resources --stack-name PreviewAccount --output text --region "$AWS_REGION" \
    --query "StackResources[?$1 && ResourceStatus!='DELETE_COMPLETE'].PhysicalResourceId"
}

# What GitHub knows of the repository, by a path of jq.
of_repository() { gh api "repos/$repo" --jq "$1"; }
