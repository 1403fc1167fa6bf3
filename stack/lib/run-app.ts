import { ExpectedError } from './errors.ts';

/** Runs an app; a mistake of the caller ends it with a message alone. */
export function runApp(main: () => void): void {
  try {
    main();
  } catch (error) {
    if (!(error instanceof ExpectedError)) {
      throw error;
    }
    console.error(`error: ${error.message}`);
    // Leaving at once keeps CDK from synthesising the half-built app on the way out.
    process.exit(1);
  }
}
