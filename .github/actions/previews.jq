# What the scripts here know of previews.

# Whether a stack, as CloudFormation describes it, says by its tags that it is a preview of this repository. The id
# decides where there is one: a repository keeps it when it is renamed, and its former name may be another's by now.
# Previews from before there was that tag are known by the name alone.
def is_preview_of($id; $repo):
  ((.Tags // []) | from_entries) as $tags
  | $tags.preview == "true"
    and (if $tags["repo-id"] then $tags["repo-id"] == $id else $repo != "" and $tags.repo == $repo end);

# The number of the pull request of a preview's stack; nothing for a stack of another name.
def pull_request: .StackName | capture("^Stack-PR(?<pr>[1-9][0-9]{0,8})$").pr;

# When a preview may be deleted whatever its pull request is, or `never`.
def expires: ((.Tags // []) | from_entries)["expires-at"] // "never";
