import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newApp } from './app.ts';
import { TEMPLATE_DIRECTORY } from './paths.ts';
import { PreviewStack } from './preview-stack.ts';
import { readSettings } from './settings.ts';
import { withTemporaryDirectory } from './temporary-directory.ts';

/** The checked-in template: the default preview, with placeholders so that no build of the functions changes it. */
export const CHECKED_IN_TEMPLATE = join(TEMPLATE_DIRECTORY, 'Stack-PR123.template.json');

/** The text that the checked-in template should have now. */
export function synthesisedTemplate(): string {
  return withTemporaryDirectory((outdir) => {
    const app = newApp({ outdir });
    const stack = new PreviewStack(app, readSettings((key) => (key === 'placeholder' ? true : undefined)));
    return readFileSync(app.synth().getStackArtifact(stack.artifactId).templateFullPath, 'utf8');
  });
}
