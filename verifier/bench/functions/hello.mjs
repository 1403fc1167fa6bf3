import { run } from './runtime.mjs';

const pr = process.env.PR_NUMBER || 'unknown';
const body = JSON.stringify({ message: `Hello from preview ${pr}!`, pr, version: process.env.PREVIEW_VERSION || '0' });

await run(() => ({ statusCode: 200, headers: { 'content-type': 'application/json' }, body }));
