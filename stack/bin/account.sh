#!/usr/bin/env bash
# Sets up an AWS account for the previews of one repository, and tells the repository of it.
set -uo pipefail
# A link to this leads to where its parts are; not every system's readlink does that in one step.
self=${BASH_SOURCE[0]}
while [ -L "$self" ]; do
  link=$(readlink "$self") || exit
  case $link in /*) self=$link ;; *) self=$(dirname -- "$self")/$link ;; esac
done
# CDPATH would lead elsewhere, and print it.
here=$(CDPATH='' cd -- "$(dirname -- "$self")" > /dev/null && pwd) || exit
# shellcheck source=stack/bin/account/ask.sh
. "$here/account/ask.sh" || exit
# shellcheck source=stack/bin/account/bootstrap.sh
. "$here/account/bootstrap.sh" || exit
# shellcheck source=stack/bin/account/checks.sh
. "$here/account/checks.sh" || exit
# shellcheck source=stack/bin/account/variables.sh
. "$here/account/variables.sh" || exit
# shellcheck source=stack/bin/account/role.sh
. "$here/account/role.sh" || exit

usage() {
  cat << 'TEXT'
Usage: account.sh deploy      --repo OWNER/NAME --region REGION --email ADDRESS [OPTIONS]
       account.sh variables   --repo OWNER/NAME --region REGION [OPTIONS]
       account.sh delete-role --region REGION [--qualifier QUALIFIER]

deploy       deploys the stack PreviewAccount, and the CDK's bootstrap for previews with its policies
variables    sets the repository's variables to the outputs of PreviewAccount, and enables its scheduled workflows
delete-role  deletes the role that previews were deployed as, where nothing needs it any more

The account is that of the AWS CLI, and the repository is on github.com, where gh is logged in.

deploy and variables:
  --repo OWNER/NAME        the repository whose workflows the account trusts; you have to administer it
  --region REGION          where the previews are, such as eu-central-1
  --former REPOSITORY      the repository that PreviewAccount was for, which this one replaces
  --moved-from PLACE       ACCOUNT/REGION where the previews were before; they are deleted; may be repeated
deploy:
  --email ADDRESS          who is told when the account costs more than its budget
  --budget DOLLARS         what it may cost a month; none for no budget [default: 20]
  --qualifier QUALIFIER    of the CDK's bootstrap for previews [default: hnb659fds]
  --toolkit STACK          the stack of that bootstrap [default: CDKToolkit]
  --default-branch none    lets workflows of any branch delete previews, where the default branch has a name that IAM does not take
  --claim STACK            takes a bootstrap with other policies, which previews alone use
  --requalify              takes another qualifier than before; the previews are deleted
variables:
  --chaos                  sets the variable by which chaos.yml runs every night
TEXT
}

repo='' region='' email='' budget=20 qualifier=hnb659fds toolkit=CDKToolkit default_branch=''
chaos='' former='' moved_from='' claim='' requalify=''
command=${1:-}
case $command in
  deploy) known=' --repo --region --email --budget --qualifier --toolkit --default-branch --former --moved-from --claim --requalify ' ;;
  variables) known=' --repo --region --former --moved-from --chaos ' ;;
  delete-role) known=' --region --qualifier ' ;;
  -h | --help | help) usage && exit ;;
  '') misused "A command is missing: deploy, variables or delete-role" ;;
  *) misused "$command is no command: there are deploy, variables and delete-role" ;;
esac
shift
while [ $# -gt 0 ]; do
  option=$1 && shift
  case $option in -h | --help) usage && exit ;; --*=*) set -- "${option#*=}" "$@" && option=${option%%=*} && given=yes ;; *) given='' ;; esac
  case $known in *" $option "*) ;; *) misused "$option is no option of $command" ;; esac
  case $option in
    --chaos | --requalify)
      [ -z "$given" ] || misused "$option takes no value"
      case $option in --chaos) chaos=yes ;; *) requalify=yes ;; esac
      continue
      ;;
  esac
  case $given${1-} in '' | yes | --*) misused "$option has no value" ;; esac
  case $option in
    --repo) repo=$1 ;;
    --region) region=$1 ;;
    --email) email=$1 ;;
    --budget) budget=$1 ;;
    --qualifier) qualifier=$1 ;;
    --toolkit) toolkit=$1 ;;
    --default-branch) default_branch=$1 ;;
    --former) former=$1 ;;
    --moved-from) moved_from+="$1 " ;;
    --claim) claim=$1 ;;
  esac
  shift
done
for place in $moved_from; do fits --moved-from "$place" '[0-9]{12}/[a-z]{2,4}(-[a-z]+)+-[0-9]+' 'ACCOUNT/REGION'; done
[ -n "$region" ] || misused "--region is missing"
fits --region "$region" '[a-z]{2,4}(-[a-z]+)+-[0-9]+' 'a region, such as eu-central-1'
fits --qualifier "$qualifier" '[a-z0-9-]{1,10}' 'up to ten of a to z, 0 to 9 and -'
if [ "$command" != delete-role ]; then
  [ -n "$repo" ] || misused "--repo is missing"
  fits --repo "$repo" '[A-Za-z0-9-]+/[A-Za-z0-9._-]+' 'OWNER/NAME'
fi
if [ "$command" = deploy ]; then
  fits --budget "$budget" '(none|[1-9][0-9]{0,5})' 'US dollars a month, a whole number up to 999999, or none'
  fits --toolkit "$toolkit" '[A-Za-z][A-Za-z0-9-]{0,127}' "a stack's name"
  [ -z "$email" ] || fits --email "$email" '[^[:space:]@,;<>"]{1,64}@[A-Za-z0-9.-]{1,190}' 'an e-mail address'
  case $default_branch in '' | none) ;; *) misused "--default-branch takes none alone" ;; esac
fi
needs aws "the AWS CLI 1 or 2"
[ "$command" = delete-role ] || needs gh "GitHub's CLI 2.32 or later"
[ "$command" != deploy ] || needs npm "Node 20.19 or later"
reach_aws "$region" || exit
cd -- "$here/.." || exit

case $command in
  deploy) deploy_account ;;
  variables) set_variables ;;
  delete-role) delete_role ;;
esac
