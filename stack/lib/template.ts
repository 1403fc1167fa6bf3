import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { App, Stack } from 'aws-cdk-lib';
import { readAccountSettings } from './account-settings.ts';
import { AccountStack } from './account-stack.ts';
import { newApp } from './app.ts';
import { TEMPLATE_DIRECTORY } from './paths.ts';
import { PreviewStack } from './preview-stack.ts';
import { readSettings } from './settings.ts';
import { withTemporaryDirectory } from './temporary-directory.ts';

/** A template that is checked in. */
export interface CheckedIn {
  readonly path: string;
  /** The text that it should have now. */
  readonly synthesise: () => string;
}

/** Who the checked-in template of the account trusts, and reports costs: nobody that there is. */
export const EXAMPLE_REPOSITORY = { repo: 'owner/repo', ownerId: '1', repoId: '2', defaultBranch: 'main', budgetEmail: 'owner@example.org' };

export const CHECKED_IN: readonly CheckedIn[] = [
  {
    // The default preview, with placeholders so that no build of the functions changes it.
    path: join(TEMPLATE_DIRECTORY, 'Stack-PR123.template.json'),
    synthesise: () =>
      synthesised((app) => new PreviewStack(app, readSettings((key) => (key === 'placeholder' ? true : undefined)))),
  },
  {
    // In a folder of its own: the emulator takes the only template in the folder above.
    path: join(TEMPLATE_DIRECTORY, 'account', 'PreviewAccount.template.json'),
    synthesise: () => {
      const context: Record<string, string> = EXAMPLE_REPOSITORY;
      return synthesised((app) => new AccountStack(app, readAccountSettings((key) => context[key])));
    },
  },
];

function synthesised(makeStack: (app: App) => Stack): string {
  return withTemporaryDirectory((outdir) => {
    const app = newApp({ outdir });
    const stack = makeStack(app);
    return readFileSync(app.synth().getStackArtifact(stack.artifactId).templateFullPath, 'utf8');
  });
}
