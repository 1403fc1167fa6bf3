/**
 * The logins of bots, with the wildcards of IAM: GitHub's apps end with `[bot]`, which no person's login can, except for
 * GitHub's own coding agent, `Copilot`; the others are users that act as bots. What decides in preview.yml, `.github/actions/plan/plan.sh`, has the same list, and a
 * test compares the two.
 * https://docs.github.com/en/actions/reference/security/oidc
 */
export const BOTS = ['*[bot]', 'Copilot', 'dependabot', 'github-actions', 'renovate', 'renovate-bot'] as const;
