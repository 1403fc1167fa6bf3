# What the scripts here know of previews.

# Whether a stack is what a change set left that was refused, or never executed: it has a preview's name, no resources, and
# no tags, which CloudFormation may give it only with the execution.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-create.html
def is_shell:
  .StackStatus == "REVIEW_IN_PROGRESS" and ((.Tags // []) | length) == 0
    and (.StackName | test("^Stack-PR[1-9][0-9]{0,8}$"));

# Whether a stack, as CloudFormation describes it, says by its tags that it is a preview of this repository. The id
# decides where there is one: a repository keeps it when it is renamed, and its former name may be another's by now.
# Previews from before there was that tag are known by the name alone.
def is_preview_of($id; $repo):
  ((.Tags // []) | from_entries) as $tags
  | is_shell or ($tags.preview == "true"
    and (if $tags["repo-id"] then $tags["repo-id"] == $id else $repo != "" and $tags.repo == $repo end));

# The number of the pull request of a preview's stack; nothing for a stack of another name.
def pull_request: .StackName | capture("^Stack-PR(?<pr>[1-9][0-9]{0,8})$").pr;

# Whether a stack says by its tags that it is a preview, and of another repository, or of this one under a former name.
def is_preview_of_another($id; $repo):
  pull_request and ((.Tags // []) | from_entries).preview == "true" and (is_preview_of($id; $repo) | not);

# When a preview may be deleted whatever its pull request is, or `never`. A shell may be a day later: a deployment that goes
# on is done with it by then. What is no time in UTC is none.
def expires:
  if is_shell then (.CreationTime[:19] + "Z" | fromdateiso8601 + 24 * 60 * 60 | todateiso8601)
  else ((.Tags // []) | from_entries)["expires-at"] // "never"
    | if test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$") then . else "never" end end;
