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

/** The environment of the keys `acct` and `reg`; absent where the template is to fit any. */
export function environment(lookup: Lookup): Environment | undefined {
  const account = optional(lookup, 'acct', ACCOUNT);
  const region = optional(lookup, 'reg', REGION);
  if ((account === undefined) !== (region === undefined)) {
    throw new ExpectedError('the context values acct and reg belong together: give both, or neither');
  }
  return account !== undefined && region !== undefined ? { account, region } : undefined;
}
