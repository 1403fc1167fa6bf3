#!/usr/bin/env bash
# Sets up an AWS account for the previews of one repository, and tells the repository of it.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit
# shellcheck source=account/ask.sh
. "$here/account/ask.sh"
# shellcheck source=account/bootstrap.sh
. "$here/account/bootstrap.sh"
# shellcheck source=account/checks.sh
. "$here/account/checks.sh"
# shellcheck source=account/variables.sh
. "$here/account/variables.sh"
# shellcheck source=account/role.sh
. "$here/account/role.sh"

usage() {
  cat << 'TEXT'
Usage: account.sh deploy      --repo OWNER/NAME --region REGION --email ADDRESS [OPTIONS]
       account.sh variables   --repo OWNER/NAME --region REGION [OPTIONS]
       account.sh delete-role --region REGION [--qualifier QUALIFIER]

deploy       deploys the stack PreviewAccount, and the CDK's bootstrap for previews with its policies
variables    sets the repository's variables to the outputs of PreviewAccount, and enables its scheduled workflows
delete-role  deletes the role that previews were deployed as, where nothing needs it any more

The account is that of the AWS CLI, and the repository is on github.com, where gh is logged in.

  --repo OWNER/NAME        the repository whose workflows the account trusts; you have to administer it
  --region REGION          where the previews are, such as eu-central-1
  --email ADDRESS          who is told when the account costs more than its budget
  --budget DOLLARS         what it may cost a month; none for no budget [default: 20]
  --qualifier QUALIFIER    of the CDK's bootstrap for previews [default: hnb659fds]
  --toolkit STACK          the stack of that bootstrap [default: CDKToolkit]
  --default-branch none    lets workflows of any branch delete previews, where the default branch has a name that IAM does not take
  --chaos                  sets the variable by which chaos.yml runs every night
  --former REPOSITORY      the repository that PreviewAccount was for, which this one replaces
  --moved-from PLACE       ACCOUNT/REGION where the previews were before; they are deleted
  --claim STACK            takes a bootstrap with other policies, which previews alone use
  --requalify              takes another qualifier than before; the previews are deleted
TEXT
}

repo='' region='' email='' budget=20 qualifier=hnb659fds toolkit=CDKToolkit default_branch=''
chaos='' former='' moved_from='' claim='' requalify=''
command=${1:-}
case $command in
  deploy | variables | delete-role) shift ;;
  -h | --help | help) usage && exit ;;
  *) usage >&2 && exit 2 ;;
esac
while [ $# -gt 0 ]; do
  option=$1 && shift
  case $option in
    -h | --help) usage && exit ;;
    --chaos) chaos=yes && continue ;;
    --requalify) requalify=yes && continue ;;
    --*=*) set -- "${option#*=}" "$@" && option=${option%%=*} ;;
  esac
  case $option in
    --repo | --region | --email | --budget | --qualifier | --toolkit | --default-branch | --former | --moved-from | --claim) ;;
    *) misused "$option is no option" ;;
  esac
  case ${1-} in '' | -*) misused "$option has no value" ;; esac
  case $option in
    --repo) repo=$1 ;;
    --region) region=$1 ;;
    --email) email=$1 ;;
    --budget) budget=$1 ;;
    --qualifier) qualifier=$1 ;;
    --toolkit) toolkit=$1 ;;
    --default-branch) default_branch=$1 ;;
    --former) former=$1 ;;
    --moved-from) moved_from=$1 ;;
    --claim) claim=$1 ;;
  esac
  shift
done
[ -n "$region" ] || misused "--region is missing"
[ -n "$repo" ] || [ "$command" = delete-role ] || misused "--repo is missing"
case $default_branch in '' | none) ;; *) misused "--default-branch takes none alone" ;; esac
reach_aws "$region" || exit
cd "$here/.." || exit

case $command in
  deploy) deploy_account ;;
  variables) set_variables ;;
  delete-role) delete_role ;;
esac
