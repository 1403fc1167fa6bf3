// Says which preview answers.
const pr = process.env.PR_NUMBER ?? 'unknown';

export const handler = async () => ({
  statusCode: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message: `Hello from preview ${pr}!`, pr, version: '1.0.0' }),
});
