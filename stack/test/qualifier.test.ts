import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readAccountSettings } from '../lib/account-settings.ts';
import { AccountStack } from '../lib/account-stack.ts';
import { newApp } from '../lib/app.ts';
import { DEFAULT_QUALIFIER } from '../lib/context.ts';
import { PreviewStack } from '../lib/preview-stack.ts';
import { readSettings } from '../lib/settings.ts';
import { EXAMPLE_REPOSITORY } from '../lib/template.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';

/** Everything that a synthesis writes for the command line: manifests and templates. */
function assembly(make: (app: ReturnType<typeof newApp>) => unknown): string {
  return withTemporaryDirectory((outdir) => {
    const app = newApp({ outdir });
    make(app);
    app.synth();
    const files = readdirSync(outdir).filter((file) => file.endsWith('.json') && file !== 'tree.json');
    return files.map((file) => readFileSync(join(outdir, file), 'utf8')).join('\n');
  });
}

const ENVIRONMENTS = [{}, { acct: '123456789012', reg: 'eu-central-1' }];

describe.each(['qualifier', '@aws-cdk/core:bootstrapQualifier'])('a bootstrap with a qualifier of its own, by -c %s', (key) => {
  test.each(ENVIRONMENTS)('deploys a preview: %j', (environment) => {
    const context: Record<string, unknown> = { placeholder: true, [key]: 'previews', ...environment };
    const text = assembly((app) => new PreviewStack(app, readSettings((name) => context[name])));
    expect(text).not.toContain(DEFAULT_QUALIFIER);
    for (const name of ['preview-previews-deployment-', 'preview-previews-execution-', 'cdk-previews-assets', '/cdk-bootstrap/previews/version']) {
      expect(text).toContain(name);
    }
    // The bootstrap's own roles that deploy may reach any stack of the account.
    expect(text).not.toMatch(/cdk-previews-(deploy|cfn-exec)-role/);
  });

  test.each(ENVIRONMENTS)('is what the role to deploy may use: %j', (environment) => {
    const context: Record<string, unknown> = { ...EXAMPLE_REPOSITORY, [key]: 'previews', ...environment };
    const text = assembly((app) => new AccountStack(app, readAccountSettings((name) => context[name])));
    for (const name of ['preview-previews-deployment-', 'preview-previews-execution-', 'cdk-previews-file-publishing-role', 'cdk-previews-assets']) {
      expect(text).toContain(name);
    }
    expect(text).not.toMatch(/cdk-previews-(deploy|cfn-exec)-role/);
  });
});
