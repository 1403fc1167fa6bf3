/** A mistake of the caller or of the environment, not of this app: its message says what to do, a stack trace would not. */
export class ExpectedError extends Error {
  override readonly name = 'ExpectedError';
}
