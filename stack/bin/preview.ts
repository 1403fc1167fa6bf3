import { PreviewStack, previewApp } from '../lib/preview-stack.ts';
import { readSettings } from '../lib/settings.ts';

const app = previewApp();
new PreviewStack(app, readSettings((key) => app.node.tryGetContext(key)));
app.synth();
