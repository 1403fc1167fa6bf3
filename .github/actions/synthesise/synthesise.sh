#!/usr/bin/env bash
# Synthesises a preview into $RUNNER_TEMP/assembly, by the variables that action.yml sets; in the folder of the app.
set -euo pipefail

# No package's own script is run: what it would leave behind is deployed later, beside a role.
npm ci --ignore-scripts
context=(
  -c "pr=$PR" -c "repo=$GITHUB_REPOSITORY" -c "repoId=$GITHUB_REPOSITORY_ID" -c "sha=$SHA"
  -c "run=$GITHUB_RUN_ID/$GITHUB_RUN_ATTEMPT"
  -c "repositoryUrl=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY"
  -c "expires=$(date --utc --date "$DAYS days" +%FT%TZ)"
)
# These have defaults, for an account that has nothing of the kind.
for optional in "headersPolicy=${HEADERS_POLICY:-}" "boundary=${BOUNDARY_POLICY:-}" "qualifier=${QUALIFIER:-}"; do
  if [ -n "${optional#*=}" ]; then
    context+=(-c "$optional")
  fi
done
exec npx cdk synth --quiet --output "$RUNNER_TEMP/assembly" "${context[@]}"
