import { type Environment, type Lookup, REPOSITORY, type Rule, environment, optional, qualifier } from './context.ts';
import { ExpectedError } from './errors.ts';

/** What the caller tells the app about the account's one stack, read from the CDK context. */
export interface AccountSettings {
  /** The repository that may deploy previews, as `owner/name`. */
  readonly repo: string;
  /** GitHub's ids of the owner and of the repository. Unlike names, they are never given to anybody else. */
  readonly ownerId: string;
  readonly repositoryId: string;
  /** The ARN of the account's provider for GitHub's tokens, where it has one already: there can be only one. */
  readonly oidcProvider?: string;
  /** The qualifier of the bootstrap that deploys previews. */
  readonly qualifier: string;
  /** The account and region to deploy to; absent where the template is to fit any environment. */
  readonly environment?: Environment;
}

const GITHUB_ID: Rule = { pattern: /^[1-9][0-9]{0,18}$/, expected: "GitHub's id, which is a number" };

const RULES = {
  repo: REPOSITORY,
  ownerId: GITHUB_ID,
  repoId: GITHUB_ID,
  oidcProvider: {
    pattern: /^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider\/token\.actions\.githubusercontent\.com$/,
    expected: "the ARN of the account's provider for token.actions.githubusercontent.com",
  },
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
  const [oidcProvider, env] = [read('oidcProvider'), environment(lookup)];
  return {
    repo: required('repo', 'it is the repository that deploys, as owner/name'),
    ownerId: required('ownerId', "`gh api repos/OWNER/NAME --jq .owner.id` prints it"),
    repositoryId: required('repoId', "`gh api repos/OWNER/NAME --jq .id` prints it"),
    ...(oidcProvider !== undefined && { oidcProvider }),
    qualifier: qualifier(lookup),
    ...(env && { environment: env }),
  };
}
