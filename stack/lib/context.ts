import { ExpectedError } from './errors.ts';

/** Answers a context key's value (`-c key=value`), and `undefined` for a key that nobody set. */
export type Lookup = (key: string) => unknown;

/** What a context value must look like. */
export interface Rule {
  readonly pattern: RegExp;
  /** Completes "the context value … must be …". */
  readonly expected: string;
}

// Values of these keys end in tags, so each pattern stays within the characters that all AWS services accept in tag
// values: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
export const REPOSITORY: Rule = {
  pattern: /^[A-Za-z0-9_.-]{1,100}\/[A-Za-z0-9_.-]{1,100}$/,
  expected: 'owner/name',
};

export const GITHUB_ID: Rule = { pattern: /^[1-9][0-9]{0,18}$/, expected: "GitHub's id, which is a number" };

const ACCOUNT: Rule = { pattern: /^[0-9]{12}$/, expected: 'an account id of 12 digits' };
const REGION: Rule = { pattern: /^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$/, expected: 'a region, such as eu-central-1' };

/** An account and a region to deploy to. */
export interface Environment {
  readonly account: string;
  readonly region: string;
}

/** The value of a key as text, if it was set; an error that names the key if it breaks its rule. */
export function optional(lookup: Lookup, key: string, { pattern, expected }: Rule): string | undefined {
  const value = lookup(key);
  if (value === undefined || value === null) {
    return undefined;
  }
  // The command line yields strings; a context file may hold numbers and booleans.
  const text = String(value);
  if (typeof value === 'object' || !pattern.test(text)) {
    throw new ExpectedError(`the context value ${key} must be ${expected}; found ${JSON.stringify(value)}`);
  }
  return text;
}

/** The qualifier of a `cdk bootstrap` that was told none. */
export const DEFAULT_QUALIFIER = 'hnb659fds';

// It is a part of the name of a bucket, too, hence neither capitals nor underscores, though `cdk bootstrap` takes them.
const QUALIFIER: Rule = {
  pattern: /^[a-z0-9-]{1,10}$/,
  expected: 'a bootstrap qualifier of 1 to 10 lower-case letters, digits and hyphens',
};
/** The keys that name the qualifier: ours, and CDK's own, by which its command line finds it in `cdk.json` too. */
const QUALIFIER_KEYS = ['qualifier', '@aws-cdk/core:bootstrapQualifier'] as const;

/**
 * The qualifier that the account was bootstrapped with. Both keys mean the same, so both may be given only if they
 * agree.
 * https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html
 */
export function qualifier(lookup: Lookup): string {
  const [ours, cdks] = QUALIFIER_KEYS.map((key) => optional(lookup, key, QUALIFIER));
  if (ours !== undefined && cdks !== undefined && ours !== cdks) {
    throw new ExpectedError(`the context values ${QUALIFIER_KEYS.join(' and ')} differ: give one of them`);
  }
  return ours ?? cdks ?? DEFAULT_QUALIFIER;
}

/** The environment of the keys `acct` and `reg`; absent where the template is to fit any. */
export function environment(lookup: Lookup): Environment | undefined {
  const account = optional(lookup, 'acct', ACCOUNT);
  const region = optional(lookup, 'reg', REGION);
  if ((account === undefined) !== (region === undefined)) {
    throw new ExpectedError('the context values acct and reg belong together: give both, or neither');
  }
  return account !== undefined && region !== undefined ? { account, region } : undefined;
}
