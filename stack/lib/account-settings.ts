import { type Environment, GITHUB_ID, type Lookup, REPOSITORY, type Rule, environment, optional, qualifier } from './context.ts';
import { ExpectedError } from './errors.ts';

/** What the caller tells the app about the account's one stack, read from the CDK context. */
export interface AccountSettings {
  /** The repository that may deploy previews, as `owner/name`. */
  readonly repo: string;
  /** GitHub's ids of the owner and of the repository. Unlike names, they are never given to anybody else. */
  readonly ownerId: string;
  readonly repositoryId: string;
  /** The repository's default branch, whose workflows alone may delete previews; those of any branch without it. */
  readonly defaultBranch?: string;
  /** The ARN of the account's provider for GitHub's tokens, where it has one already: there can be only one. */
  readonly oidcProvider?: string;
  /** The qualifier of the bootstrap that deploys previews. */
  readonly qualifier: string;
  /** What the account may cost a month, in US dollars, and who is told that it costs more; absent for no budget. */
  readonly budgetUsd?: number;
  readonly budgetEmail?: string;
  readonly budgetTopic?: string;
  /** The account and region to deploy to; absent where the template is to fit any environment. */
  readonly environment?: Environment;
}

/** Some eight previews that stay open all month, mostly for their dashboards and alarms. */
const DEFAULT_BUDGET_USD = '20';
const NO_BUDGET = 'none';

const RULES = {
  repo: REPOSITORY,
  ownerId: GITHUB_ID,
  repoId: GITHUB_ID,
  // What git takes and a role's trust policy does, too: up to U+00FF, and no policy variable.
  // https://git-scm.com/docs/git-check-ref-format
  // https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
  defaultBranch: {
    pattern: /^(?!-)[!-#%-)+-9;->@-Z\]_-}\u00a1-\u00ff]{1,200}$/,
    expected: "a branch's name in Latin letters, without $; for another one leave it out, by --default-branch none of bin/account.sh, and let the environment preview-teardown take deployments from that branch only",
  },
  oidcProvider: {
    pattern: /^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider\/token\.actions\.githubusercontent\.com$/,
    expected: "the ARN of the account's provider for token.actions.githubusercontent.com",
  },
  budget: { pattern: /^(none|[1-9][0-9]{0,5})$/, expected: 'US dollars a month, a whole number up to 999999, or none' },
  budgetEmail: { pattern: /^[^\s@,;<>"]{1,64}@[A-Za-z0-9.-]{1,190}$/, expected: 'an e-mail address' },
  budgetTopic: { pattern: /^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$/, expected: "an SNS topic's ARN" },
} satisfies Record<string, Rule>;

/** Reads the settings through `lookup`. Nothing that decides who is trusted has a default. */
export function readAccountSettings(lookup: Lookup): AccountSettings {
  const read = (key: keyof typeof RULES) => optional(lookup, key, RULES[key]);
  const required = (key: keyof typeof RULES, hint: string) => {
    const value = read(key);
    if (value === undefined) {
      throw new ExpectedError(`the context value ${key} is missing: pass -c ${key}=…; ${hint}`);
    }
    return value;
  };
  const [oidcProvider, env, budget] = [read('oidcProvider'), environment(lookup), read('budget') ?? DEFAULT_BUDGET_USD];
  const defaultBranch = read('defaultBranch');
  const [budgetEmail, budgetTopic] = [read('budgetEmail'), read('budgetTopic')];
  return {
    repo: required('repo', 'it is the repository that deploys, as owner/name'),
    ownerId: required('ownerId', "`gh api repos/OWNER/NAME --jq .owner.id` prints it"),
    repositoryId: required('repoId', "`gh api repos/OWNER/NAME --jq .id` prints it"),
    ...(defaultBranch !== undefined && { defaultBranch }),
    ...(oidcProvider !== undefined && { oidcProvider }),
    qualifier: qualifier(lookup),
    ...(budget !== NO_BUDGET && { budgetUsd: Number(budget) }),
    ...(budgetEmail !== undefined && { budgetEmail }),
    ...(budgetTopic !== undefined && { budgetTopic }),
    ...(env && { environment: env }),
  };
}
