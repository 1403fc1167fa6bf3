import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deploymentNames } from '../lib/deployment-names.ts';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';

const PAGE = readFileSync(join(REPOSITORY_ROOT, 'docs', 'aws.md'), 'utf8');
const [section = ''] = (PAGE.split('\n## Quick start on AWS\n')[1] ?? '').split('\n## ');
const blocksOf = (text: string) => [...text.matchAll(/^```sh aws\n([^]*?)\n```$/gm)].map(([, block = '']) => block);
const [blocks, allBlocks] = [blocksOf(section), blocksOf(PAGE)];
const SCRIPTS = join(REPOSITORY_ROOT, 'stack', 'bin');

/** What GitHub's command line answers, with `first` where it is about something else than the repository. */
const github = (first = '') =>
  `case "$*" in ${first} *actions/variables*) ;; *fork-pr-workflows*) echo false ;; *permissions.admin*) echo true ;; *full_name*) echo OWNER/NAME ;; *visibility*) echo private ;; *) echo 1 ;; esac`;

/** What `cdk bootstrap` leaves, and what AWS answers of it then. */
const BOOTSTRAPS = `(shift 2; while [ $# -gt 0 ]; do case $1 in --qualifier) q=$2 ;; --toolkit-stack-name) t=$2 ;; esac; shift; done; printf '%s\\t%s\\tarn:aws:iam::123456789012:policy/PreviewAccount-A\\tCREATE_COMPLETE\\n' "$t" "$q" > "\${0%/*}/bootstrapped")`;
const AFTER_BOOTSTRAP = `case "$*" in *"'CloudFormationExecutionPolicies'"*) [ ! -e "\${0%/*}/bootstrapped" ] || { cat "\${0%/*}/bootstrapped"; exit; } ;; esac`;

interface Programs {
  aws?: string;
  account?: string;
  deploy?: string;
  bootstrap?: string;
  gh?: string;
}

/** Runs account.sh once for each command, such as `deploy --requalify`, where the programs answer like this. */
function run(commands: string[], programs: Programs, email = 'me@company.test', environment: Record<string, string> = {}) {
  return withTemporaryDirectory((folder) => {
    const bodies = { npm: '', gh: programs.gh ?? github(), aws: `${AFTER_BOOTSTRAP}\ncase "$*" in *get-caller-identity*) ${programs.account ?? 'echo 123456789012'}; exit ;; esac\n${programs.aws ?? ''}`, npx: `case $3 in deploy) ${programs.deploy ?? 'true'} ;; bootstrap) shift; ${programs.bootstrap ?? BOOTSTRAPS} ;; esac` };
    for (const [name, body] of Object.entries(bodies)) {
      writeFileSync(join(folder, name), `#!/usr/bin/env bash\nprintf '%s ' ${name} "$@" >> "${folder}/calls"; echo >> "${folder}/calls"\n${body}\n`, { mode: 0o755 });
    }
    let [stderr, status] = ['', 0];
    for (const command of commands) {
      const [subcommand = '', ...rest] = command.split(' ');
      const ended = spawnSync(join(SCRIPTS, 'account.sh'), [subcommand, ...(subcommand === 'delete-role' ? [] : ['--repo', 'OWNER/NAME']), '--region', 'eu-central-1', ...(subcommand === 'deploy' ? ['--email', email] : []), ...rest], {
        cwd: folder,
        encoding: 'utf8',
        env: { PATH: [folder, process.env['PATH']].join(delimiter), ...environment },
      });
      stderr += ended.stderr;
      status = ended.status ?? -1;
    }
    return { stderr, status, calls: existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8') : '' };
  });
}

const ANSWERS = `case "$*" in *get-open-id-connect-provider*) echo sts.amazonaws.com ;; *"OutputKey=='Qualifier'"*) echo hnb659fds ;; *"Stacks[0].StackStatus"*) echo UPDATE_COMPLETE ;; *"Stacks[0]"*) echo "of-$(sed "s/.*OutputKey=='\\([A-Za-z]*\\)'.*/\\1/" <<< "$*")" ;; esac`;

describe('the quick start', () => {
  test('bootstraps with the policies of the account', () => {
    const { calls, stderr } = run(['deploy'], { aws: ANSWERS });
    expect(calls).toMatch(/^npx --no-install cdk deploy --app .*bin\/account\.ts/m);
    expect(calls).toMatch(/^npx --no-install cdk bootstrap .*--cloudformation-execution-policies of-ExecutionPolicyArn $/m);
    expect(stderr).toBe('');
  });

  test('has the CDK deploy to the account of the AWS CLI, or to none', () => {
    const { calls } = run(['deploy'], { aws: ANSWERS, account: 'echo 210987654321' });
    expect(calls.match(/^npx --no-install cdk .*-c acct=210987654321 -c reg=eu-central-1 /gm)).toHaveLength(2);
    for (const account of ['true', 'echo None', 'echo ExpiredToken >&2; exit 254']) {
      expect(run(['deploy'], { aws: ANSWERS, account }).calls).not.toContain('npx');
    }
  });

  test("asks github.com alone, whose tokens the roles trust, and not the host that GitHub's command line has for one", () => {
    const gh = `[ "$GH_HOST" = github.com ] || exit 1\n${github()}`;
    expect(run(['deploy', 'variables'], { aws: ANSWERS, gh }, undefined, { GH_HOST: 'github.example' }).calls).toMatch(/^gh variable set /m);
  });

  test('does nothing where the AWS CLI is led to a stack on this machine', () => {
    for (const [url, variable = 'AWS_ENDPOINT_URL'] of [['http://127.0.0.1:4566'], ['http://LOCALHOST:1'], ['http://[::1]:1/x'], ['http://0.0.0.0'], ['http://u@me.localhost:1'], ['http://127.0.0.1:1', 'AWS_ENDPOINT_URL_IAM']] as const) {
      for (const command of ['deploy', 'variables', 'delete-role']) {
        const { calls, stderr, status } = run([command], { aws: ANSWERS }, undefined, { [variable]: url });
        expect({ calls, status }).toEqual({ calls: '', status: 1 });
        expect(stderr).toContain(`${variable} leads to a stack on this machine, ${url},`);
      }
    }
    expect(run(['deploy'], { aws: ANSWERS }, undefined, { AWS_ENDPOINT_URL: 'https://vpce-1.example.test' }).calls).toMatch(/^npx --no-install cdk deploy /m);
  });

  test.each([
    ['deploy --requalified', '--requalified is no option of deploy'],
    ['deploy --chaos', '--chaos is no option of deploy'],
    ['variables --budget 5', '--budget is no option of variables'],
    ['deploy --requalify=yes', '--requalify takes no value'],
    ['deploy --budget -5', '--budget takes US dollars'],
    ['deploy --budget=lots', '--budget takes US dollars'],
    ['deploy --email nobody', '--email takes an e-mail address'],
    ['deploy --repo x', '--repo takes OWNER/NAME'],
    ['deploy --region nowhere', '--region takes a region'],
    ['deploy --qualifier Previews', '--qualifier takes'],
    ['deploy --claim', '--claim has no value'],
    ['deploy --claim --requalify', '--claim has no value'],
    ['deploy --region=', '--region has no value'],
    ['deploy previews', 'previews is no option of deploy'],
    ['deploy --default-branch main', '--default-branch takes none alone'],
    ['undeploy', 'undeploy is no command'],
    ['', 'A command is missing'],
  ])('refuses what it does not know, before it asks anything: %s', (command, says) => {
    const { calls, stderr, status } = run([command], { aws: ANSWERS });
    expect({ calls, status }).toEqual({ calls: '', status: 2 });
    expect(stderr).toContain(says);
  });

  test('says which command of the CDK failed, and what comes next where none did', () => {
    expect(run(['deploy'], { aws: ANSWERS, deploy: 'exit 1' }).stderr).toContain('PreviewAccount is not deployed, and nothing is bootstrapped');
    expect(run(['deploy'], { aws: ANSWERS, bootstrap: 'exit 1' }).stderr).toContain('PreviewAccount is deployed, and CDKToolkit is not');
    const gh = github('*actions/workflows/chaos.yml*) echo "gh: Not Found (HTTP 404)" >&2; exit 1 ;;');
    expect(run(['deploy', 'variables'], { aws: ANSWERS, gh }).stderr).toContain('GitHub does not say whether chaos.yml of OWNER/NAME is enabled');
  });

  test('installs the pinned CDK before it takes it, and takes no other', () => {
    const { calls } = run(['deploy'], { aws: ANSWERS });
    expect(calls.indexOf('npm ci --ignore-scripts')).toBeLessThan(calls.indexOf('npx'));
    expect(calls.match(/^npx (?!--no-install ).*/gm)).toBeNull();
  });

  test.each(['echo false', 'echo null', 'exit 1'])('trusts no repository that its caller does not administer: %s', (admin) => {
    const { calls, stderr } = run(['deploy'], { aws: ANSWERS, gh: github(`*permissions.admin*) ${admin} ;;`) });
    expect(calls).not.toContain('npx');
    if (admin !== 'exit 1') expect(stderr).toContain('You do not administer OWNER/NAME');
  });

  test.each([
    ['has no such output, as an older one', { aws: 'echo' }, 'PreviewAccount has no output ExecutionPolicyArn in eu-central-1'],
    ['is not there', { aws: 'case "$*" in *"Stacks[0]"*) echo "Stack with id PreviewAccount does not exist" >&2; exit 254 ;; esac' }, 'PreviewAccount has no output ExecutionPolicyArn'],
    ['is looked for without a region', { aws: 'case "$*" in *"Stacks[0]"*) echo "You must specify a region" >&2; exit 253 ;; esac' }, 'You must specify a region'],
    ['has no outputs at all, as one that was rolled back, for which the AWS CLI prints None', { aws: 'case "$*" in *"Stacks[0]"*) echo None ;; esac' }, 'PreviewAccount has no output ExecutionPolicyArn'],
    ['was not deployed, since its caller said no', { aws: ANSWERS, deploy: 'exit 1' }, 'PreviewAccount is not deployed'],
  ])('does not bootstrap, as an administrator, where the account stack %s', (_name, programs, says) => {
    const { calls, stderr } = run(['deploy'], programs);
    expect(calls).toContain('npx --no-install cdk deploy');
    expect(calls).not.toContain('bootstrap');
    expect(stderr).toContain(says);
  });

  test.each(['YOU@EXAMPLE.ORG', 'you@example.org', 'me@Example.com', 'me@example.net', 'me@mail.example.org'])(
    'does nothing where the alarms of the budget would go to %s, which has no reader', (email) => {
      const { calls, stderr } = run(['deploy'], { aws: ANSWERS }, email);
      expect(calls).not.toContain('npx');
      expect(stderr).toContain(`The budget's alarms would go to ${email},`);
      expect(stderr).toContain('--email');
    },
  );

  test.each(['me@company.test', 'me@counterexample.org', 'example.org@company.test', 'me@example.org.uk'])('tells %s of costs', (email) => {
    expect(run(['deploy'], { aws: ANSWERS }, email).calls).toContain(` -c budgetEmail=${email} `);
  });

  test('tells AWS CLI 1 the region, too, whatever the shell has for one', () => {
    const aws = `[ "$AWS_REGION $AWS_DEFAULT_REGION" = "eu-central-1 eu-central-1" ] || exit 1\n${ANSWERS}`;
    expect(run(['deploy'], { aws }, undefined, { AWS_DEFAULT_REGION: 'us-local-1' }).calls).toMatch(/^npx --no-install cdk deploy /m);
  });

  const PROVIDER = 'arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com';
  /** What an account answers that has a provider, and perhaps the stack and the resource of it. */
  const withProvider = (stack: string, resource: string) =>
    `case "$*" in *list-open-id-connect-providers*) echo ${PROVIDER} ;; *describe-stack-resources*"'${PROVIDER}'"*) ${resource} ;; *"=='PreviewAccount'].StackName"*) echo ${stack} ;; esac\n${ANSWERS}`;
  test.each([
    ['takes a provider that is there already', withProvider('', 'exit 254'), true],
    ['takes one that it took before', withProvider('PreviewAccount', 'true'), true],
    ["leaves the stack's own provider in the stack", withProvider('PreviewAccount', 'echo GitHub'), false],
    ['makes one where there is none', ANSWERS, false],
  ])('%s', (_name, aws, passed) => {
    const { calls, stderr } = run(['deploy'], { aws });
    expect(stderr).toBe('');
    for (const command of ['npx --no-install cdk deploy', 'npx --no-install cdk bootstrap']) {
      const [line = ''] = calls.split('\n').filter((each) => each.startsWith(command));
      expect(line).toContain('qualifier=hnb659fds');
      expect(line.includes(`-c oidcProvider=${PROVIDER} `)).toBe(passed);
    }
  });

  test.each([['of others', ''], ["of the stack's own", 'echo GitHub']])('does nothing where a provider %s does not have the audience of AWS, so that every workflow would fail', (_name, resource) => {
    for (const audiences of ['echo None', 'true']) {
      const aws = withProvider('PreviewAccount', resource || 'true').replace('echo sts.amazonaws.com', audiences);
      const { calls, stderr } = run(['deploy'], { aws });
      expect(calls).toMatch(new RegExp(`^aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${PROVIDER} `, 'm'));
      expect(calls).not.toContain('npx');
      expect(stderr).toContain(`aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn ${PROVIDER} --client-id sts.amazonaws.com`);
    }
  });

  /** What an account answers where CloudFormation says this of the type of budgets. */
  const knowing = (answer: string) => `case "$*" in *"describe-type --type RESOURCE --type-name AWS::Budgets::Budget"*) ${answer} ;; esac\n${ANSWERS}`;
  const UNKNOWN = 'echo "An error occurred (TypeNotFoundException) when calling the DescribeType operation: The type does not exist." >&2; exit 254';
  test.each([
    ['as it says', knowing('echo ARN'), '', '20'],
    ['that is another one', knowing('echo ARN'), ' --budget 50', '50'],
    ['that is none', knowing('echo asked >&2; exit 254'), ' --budget none', 'none'],
  ])('gives the account the budget %s', (_name, aws, changed, budget) => {
    const { calls, stderr } = run([`deploy${changed}`], { aws });
    expect(calls).toContain(` -c budget=${budget} `);
    expect(calls.match(/^npx --no-install cdk .*-c budget=/gm)).toHaveLength(2);
    expect(stderr).toBe('');
  });

  test('goes on without a budget in a region whose CloudFormation makes none, and says where to make one', () => {
    // Nobody is told then, whatever the address is.
    for (const email of ['me@company.test', 'YOU@EXAMPLE.ORG']) {
      const { calls, stderr } = run(['deploy'], { aws: knowing(UNKNOWN) }, email);
      expect(calls).toMatch(/^npx --no-install cdk deploy .* -c budget=none /m);
      expect(stderr).toMatch(/^CloudFormation makes no budgets in eu-central-1: .*by hand.*\n$/);
    }
  });

  test('does nothing where CloudFormation does not say whether it makes budgets', () => {
    const { calls, stderr } = run(['deploy'], { aws: knowing('echo "An error occurred (Throttling)" >&2; exit 254') });
    expect(calls).not.toContain('npx');
    expect(stderr).toContain('(Throttling)');
  });

  test('says what a new member of an organization is answered, and how to go on', () => {
    const text = PAGE.replaceAll(/^```[^]*?^```$/gm, '').replaceAll(/\s+/g, ' ');
    expect(text).toMatch(/is a linked account\. To enable budgets for your account, ask the payer account to enable budgets first[^]*`--budget none`/);
  });

  test.each([
    ['which providers there are', 'case "$*" in *list-open-id*) echo AccessDenied >&2; exit 254 ;; esac'],
    ['which audiences the provider has', withProvider('', 'true').replace('echo sts.amazonaws.com', 'echo AccessDenied >&2; exit 254')],
    ["whose the provider is", withProvider('PreviewAccount', 'echo AccessDenied >&2; exit 254')],
    ['which stacks there are', 'echo AccessDenied >&2; exit 254'],
  ])('does nothing where AWS does not say %s', (_name, aws) => {
    const { calls, stderr } = run(['deploy'], { aws });
    expect(calls).not.toContain('npx');
    expect(stderr).toContain('AccessDenied');
  });

  const bootstrapped = (policies: string, name = 'CDKToolkit', qualifier = 'hnb659fds', state = 'UPDATE_COMPLETE') =>
    `case "$*" in *"=='${name}' ||"* | *"=='Qualifier' && ParameterValue=='${qualifier}'"*) printf '${name}\\t${qualifier}\\t%s\\t${state}\\n' ${policies}; exit ;; esac\n${ANSWERS}`;
  // The empty list is what `cdk bootstrap` leaves without the option: CloudFormation is an administrator then.
  test.each(['arn:aws:iam::aws:policy/AdministratorAccess', 'arn:aws:iam::123456789012:policy/Ours', 'arn:aws:iam::123456789012:policy/Ours:policy/PreviewAccount-', 'None', '""'])(
    'does nothing, and says what to do, where a bootstrap for other stacks is there: %s', (policies) => {
      const { calls, stderr } = run(['deploy'], { aws: bootstrapped(policies) });
      expect(calls).not.toContain('npx');
      expect(stderr).toMatch(/CDKToolkit is there already.*--qualifier previews --toolkit CDKToolkit-previews/);
      const own = run(['deploy --qualifier previews --toolkit CDKToolkit-previews', 'variables'], { aws: bootstrapped(policies).replace('echo hnb659fds', 'echo previews') }).calls;
      expect(own).toMatch(/^npx --no-install cdk deploy .*-c qualifier=previews /m);
      expect(own).toMatch(/^npx --no-install cdk bootstrap .*--qualifier previews --toolkit-stack-name CDKToolkit-previews --cloudformation/m);
      expect(own).toContain('gh variable set AWS_BOOTSTRAP_QUALIFIER --repo OWNER/NAME --body previews');
    },
  );

  test('does nothing where the bootstrap has policies of previews and of others, who would lose theirs', () => {
    const policies = ['OurBuild', 'PreviewAccount-PreviewsExecution1A2B'].map((name) => `arn:aws:iam::123456789012:policy/${name}`);
    for (const list of [policies, policies.toReversed(), ['', ...policies.slice(1)], [...policies.slice(1), '']]) {
      const { calls, stderr } = run(['deploy'], { aws: bootstrapped(list.join(',')) });
      expect(calls).not.toContain('npx');
      expect(stderr).toContain('CDKToolkit is there already');
    }
  });

  test.each(['owner/Name', 'OWNER/FORMER'])('knows the repository by the name that GitHub has for it, whatever it is called: %s', (name) => {
    const { calls } = run([`deploy --repo ${name}`, `variables --repo ${name}`], { aws: ANSWERS });
    expect(calls).toMatch(/^npx --no-install cdk deploy .* -c repo=OWNER\/NAME /m);
    expect(calls).toContain('gh variable set AWS_REGION --repo OWNER/NAME ');
  });

  const { execution } = deploymentNames('hnb659fds', 'eu-central-1');
  /** What an account answers that has the role that deployments of previews use, with this logical id in the stack. */
  const withRole = (logicalId: string) =>
    `case "$*" in *list-roles*"=='${execution}'"*) echo ${execution} ;; *"=='PreviewAccount'].StackName"*) echo PreviewAccount ;; *describe-stack-resources*"=='${execution}'"*) echo ${logicalId} ;; esac\n${ANSWERS}`;
  test('says which role of an earlier account stack is in the way, which CloudFormation could not make again', () => {
    const { calls, stderr } = run(['deploy'], { aws: withRole('') });
    expect(calls).not.toContain('npx');
    expect(stderr).toMatch(new RegExp(`The role ${execution} is there already.*account\\.sh delete-role --region eu-central-1 --qualifier hnb659fds'`));
    expect(run(['deploy'], { aws: withRole('ExecutionRole1A2B') }).calls).toMatch(/^npx --no-install cdk deploy /m);
  });

  /** What an account answers of that role, which has a policy of previews, used as often as this, and one of others. */
  const leftRole = (usedBy: string, { uses = '0\\t0', stack = '', role = execution } = {}) =>
    `case "$*" in *"':role/${execution}'"*) echo ${usedBy} ;; *"=='PreviewAccount'].StackName"*) echo ${stack} ;; *list-roles*"=='${execution}'"*) echo ${role} ;; *list-attached-role-policies*) echo arn:aws:iam::123456789012:policy/PreviewAccount-PreviewsA arn:aws:iam::123456789012:policy/Ours ;; *list-policies*) echo arn:aws:iam::123456789012:policy/PreviewAccount-PreviewsA arn:aws:iam::123456789012:policy/PreviewAccount-PreviewsBoundary ;; *get-policy*) printf '${uses}\\n' ;; *list-policy-versions*) echo v1 ;; esac`;
  const changed = (calls: string) => (calls.match(/^aws iam (?:detach|delete)-.*\S/gm) ?? []).map((call) => call.replace('aws iam ', '').replaceAll(/--\S+ (?:\S*[:]policy\/)?/g, ''));
  test('deletes the role that is left, and those of its policies that nothing else has', () => {
    const { calls, status } = run(['delete-role'], { aws: leftRole('') });
    expect(status).toBe(0);
    expect(changed(calls)).toEqual([
      `detach-role-policy ${execution} PreviewAccount-PreviewsA`,
      `detach-role-policy ${execution} Ours`,
      `delete-role ${execution}`,
      'delete-policy-version PreviewAccount-PreviewsA v1',
      'delete-policy PreviewAccount-PreviewsA',
      'delete-policy-version PreviewAccount-PreviewsBoundary v1',
      'delete-policy PreviewAccount-PreviewsBoundary',
    ]);
    for (const uses of ['1\\t0', '0\\t1']) {
      expect(run(['delete-role'], { aws: leftRole('', { uses }) }).calls).not.toContain('delete-policy ');
    }
  });

  test('goes on where it was interrupted behind the role', () => {
    const { calls, status } = run(['delete-role'], { aws: leftRole('', { role: '' }) });
    expect(status).toBe(0);
    expect(changed(calls).filter((call) => call.startsWith('delete-policy '))).toHaveLength(2);
    expect(calls).not.toContain('delete-role ');
  });

  test('leaves policies that may be those of a PreviewAccount that is there', () => {
    const { calls } = run(['delete-role'], { aws: leftRole('', { stack: 'PreviewAccount' }) });
    expect(calls).not.toContain('PreviewsBoundary');
    const elsewhere = `case "$*" in *"'-deployment-$AWS_REGION'"*) echo preview-previews-deployment-us-east-1; exit ;; esac\n${leftRole('')}`;
    expect(run(['delete-role'], { aws: elsewhere }).calls).not.toContain('PreviewsBoundary');
  });

  test('deletes no role that a stack uses, or PreviewAccount, or of which AWS does not say it', () => {
    for (const aws of [leftRole('Stack-PR7'), withRole('ExecutionRole1A2B'), 'case "$*" in *describe-stacks*) echo AccessDenied >&2; exit 254 ;; esac']) {
      const { calls, status } = run(['delete-role'], { aws });
      expect(calls).not.toMatch(/ (?:detach|delete)-/);
      expect(status).not.toBe(0);
    }
  });

  test('trusts the default branch alone, or branches of any name where that is said', () => {
    expect(run(['deploy'], { aws: ANSWERS, gh: github('*default_branch*) echo main ;;') }).calls).toContain(' -c defaultBranch=main ');
    expect(run(['deploy --default-branch none'], { aws: ANSWERS }).calls).not.toContain('defaultBranch');
  });

  test('goes on where the bootstrap is that of previews', () => {
    const policies = ['PreviewsExecution1A2B', 'PreviewsExecutionOfPage1A2B'].map((name) => `arn:aws:iam::123456789012:policy/PreviewAccount-${name}`);
    expect(run(['deploy'], { aws: bootstrapped(policies.join(',')) }).calls).toMatch(/^npx --no-install cdk bootstrap /m);
  });

  /** What an account answers that has the stack, for the repository of this id, or of this name where it is an older one. */
  const servesRepository = (found: string, state = 'UPDATE_COMPLETE') => `case "$*" in *"'RepositoryId'"*) [ -z "${found}" ] || printf '%s\\t%s\\n' '${found}' ${state} ;; esac\n${ANSWERS}`;
  test.each(['2', 'c/d'])('does nothing where the account is set up for another repository, whose workflows would lose their roles: %s', (found) => {
    const { calls, stderr } = run(['deploy'], { aws: servesRepository(found) });
    expect(calls).not.toContain('npx');
    expect(stderr).toContain(`PreviewAccount in eu-central-1 is for another repository, ${found}: nothing is done`);
    // Nor is any variable set: they would be another repository's roles.
    expect(run(['deploy', 'variables'], { aws: servesRepository(found) }).calls).not.toMatch(/gh (variable set|workflow)/);
    // It may be the caller's former one, deleted and forked again.
    expect(stderr).toContain(`--former ${found}`);
    expect(run([`deploy --former ${found}`], { aws: servesRepository(found) }).calls).toMatch(/^npx --no-install cdk deploy /m);
    expect(run(['deploy --former 9'], { aws: servesRepository(found) }).calls).not.toContain('npx');
  });

  test.each([['1'], ['OWNER/NAME'], ['None', 'REVIEW_IN_PROGRESS'], ['']])('goes on where the account is set up for this repository, or for none: %j', (found, state?: string) => {
    expect(run(['deploy'], { aws: servesRepository(found, state) }).calls).toMatch(/^npx --no-install cdk deploy /m);
  });

  test.each(['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'ROLLBACK_COMPLETE'])('leaves a stack alone that is only called alike: %s', (state) => {
    const { calls, stderr } = run(['deploy'], { aws: servesRepository('None', state) });
    expect(calls).not.toContain('npx');
    expect(stderr).toContain('The stack PreviewAccount in eu-central-1 does not say which repository it is for');
  });

  test('says how to go on where the repository was renamed since an earlier version deployed the account, without an id', () => {
    const renamed = run(['deploy'], { aws: servesRepository('OWNER/FORMER') }).stderr;
    expect(renamed).toContain('If this repository had that name before, run this again with --former OWNER/FORMER');
    // An id does not change with the name.
    expect(run(['deploy'], { aws: servesRepository('2') }).stderr).not.toContain('had that name');
  });

  /** What an account answers that has roles of a stack in another region, which is for the repository of this id. */
  const elsewhere = (found: string, role = deploymentNames('previews', 'us-east-1').deployment) =>
    `case "$*" in *"iam list-roles"*"'-deployment-$AWS_REGION'"*) printf '%s\\n' ${role} ;; *"--region us-east-1"*"'RepositoryId'"*) [ -z "${found}" ] || printf '%s\\tUPDATE_COMPLETE\\n' '${found}' ;; esac\n${ANSWERS}`;
  test("does nothing where another region holds another repository's previews, since some of their names are the account's", () => {
    const aws = elsewhere('2');
    const { calls, stderr } = run(['deploy'], { aws });
    expect(calls).not.toContain('npx');
    expect(stderr).toContain('PreviewAccount in us-east-1 is for another repository, 2: nothing is done');
    // That it moved is no answer where it is not its own.
    expect(run(['deploy --moved-from 123456789012/us-east-1', 'variables --moved-from 123456789012/us-east-1'], { aws }).calls).not.toMatch(/npx --no-install cdk|gh (variable set|workflow)/);
    expect(run(['deploy --former 2 --moved-from 123456789012/us-east-1'], { aws }).calls).toMatch(/^npx --no-install cdk deploy /m);
  });

  test.each(['hnb659fds', 'a-b', 'x'])('knows the roles of other regions with the qualifier %s', (qualifier) => {
    const { deployment } = deploymentNames(qualifier, 'us-east-1');
    expect(run(['deploy'], { aws: elsewhere('1', deployment) }).stderr).toContain('roles of previews in us-east-1');
  });

  test.each(['1', 'OWNER/NAME', ''])('does nothing where another region holds its own previews, or something called alike, before that is said: %j', (found) => {
    const aws = elsewhere(found);
    const { calls, stderr } = run(['deploy'], { aws });
    expect(calls).not.toContain('npx');
    expect(stderr).toMatch(/roles of previews in us-east-1,.*nothing is done.*--moved-from 123456789012\/us-east-1/);
    expect(run(['deploy --moved-from 123456789012/us-east-1'], { aws }).calls).toMatch(/^npx --no-install cdk deploy /m);
  });

  test.each(['preview-x-deployment', 'preview-web-deployment-blue-1', 'preview-web-deployment-us-blue-1', 'my-preview-previews-deployment-us-east-1', 'preview-than-the-ten-deployment-us-east-1', 'preview-previews-deployment-prod', 'preview-previews-execution-us-east-1'])(
    'goes on where the account has roles that are no deployment role of previews: %s', (role) => {
      const { calls, stderr } = run(['deploy'], { aws: elsewhere('2', role) });
      expect(calls).toMatch(/^npx --no-install cdk deploy /m);
      expect(stderr).toBe('');
    },
  );

  test('looks for the roles by the names that the stack gives them, and not for those of its own region', () => {
    const { calls } = run(['deploy'], { aws: ANSWERS });
    const [, query = ''] = /^aws iam list-roles .*--query (.*) $/m.exec(calls) ?? [];
    const [, begins = '?', contains = '?', ends = '?'] = /starts_with\(RoleName, '(.*?)'\) && contains\(RoleName, '(.*?)'\) && ! ends_with\(RoleName, '(.*?)'\)/.exec(query) ?? [];
    const finds = (region: string) => ((name) => name.startsWith(begins) && name.includes(contains) && !name.endsWith(ends))(deploymentNames('hnb659fds', region).deployment);
    expect(['eu-central-1', 'us-east-1', 'eu-central-2'].map(finds)).toEqual([false, true, true]);
  });

  test('does nothing where AWS does not say what other regions hold', () => {
    for (const aws of ['case "$*" in *list-roles*) echo AccessDenied >&2; exit 254 ;; esac', elsewhere('1').replace('[ -z "1" ]', 'echo AccessDenied >&2; exit 254')]) {
      const { calls, stderr } = run(['deploy --moved-from 123456789012/us-east-1'], { aws });
      expect(calls).not.toContain('npx');
      expect(stderr).toContain('AccessDenied');
    }
  });

  test('does nothing where GitHub does not say which repository it is', () => {
    expect(run(['deploy'], { aws: ANSWERS, gh: 'exit 1' }).calls).not.toContain('npx --no-install cdk');
  });

  test('starts wherever CDPATH leads', () => {
    expect(run(['deploy'], { aws: ANSWERS }, undefined, { CDPATH: '.:/usr' }).calls).toMatch(/^npx --no-install cdk deploy /m);
  });

  test('finds its parts by a link, too', () => {
    const status = withTemporaryDirectory((folder) => {
      symlinkSync(join(SCRIPTS, 'account.sh'), join(folder, 'first'));
      symlinkSync('first', join(folder, 'second'));
      return spawnSync(join(folder, 'second'), ['--help'], { encoding: 'utf8' });
    });
    expect([status.status, status.stderr]).toEqual([0, '']);
    expect(status.stdout).toContain('Usage: account.sh deploy');
  });

  test('sets all variables also where the command lines read what is on stdin', () => {
    const { calls } = run(['deploy', 'variables'], { aws: `cat > /dev/null\n${ANSWERS}`, gh: `cat > /dev/null\n${github()}` });
    expect(calls.match(/^gh variable set /gm)).toHaveLength(5);
  });

  test.each(['DELETE_IN_PROGRESS', 'UPDATE_ROLLBACK_FAILED', 'UPDATE_IN_PROGRESS'])('sets no variable while PreviewAccount is %s', (state) => {
    const { calls, stderr } = run(['deploy', 'variables'], { aws: ANSWERS.replace('echo UPDATE_COMPLETE', `echo ${state}`) });
    expect(calls).not.toContain('gh variable set');
    expect(stderr).toContain(`PreviewAccount in eu-central-1 is ${state}`);
  });

  test('goes on with a move that was interrupted between two variables, and with one from two places', () => {
    const gh = github(`*actions/variables*'"AWS_REGION"'*) echo eu-central-1 ;; *actions/variables*'"AWS_DEPLOY_ROLE_ARN"'*) echo arn:aws:iam::210987654321:role/x ;;`);
    const set = (moved: string) => run(['deploy', `variables ${moved}`], { aws: ANSWERS, gh }).calls.includes('gh variable set');
    expect(set('--moved-from 210987654321/eu-west-1')).toBe(true);
    expect(set('--moved-from 210987654321/eu-central-1')).toBe(true);
    expect(set('--moved-from 111111111111/eu-west-1')).toBe(false);
    const aws = `case "$*" in *"iam list-roles"*"'-deployment-$AWS_REGION'"*) printf '%s\\n' preview-a-deployment-us-east-1 preview-a-deployment-eusc-de-east-1; exit ;; esac\n${ANSWERS}`;
    expect(run(['deploy --moved-from 123456789012/us-east-1 --moved-from 123456789012/eusc-de-east-1'], { aws }).calls).toMatch(/^npx --no-install cdk deploy /m);
    expect(run(['deploy --moved-from 123456789012/us-east-1'], { aws }).calls).not.toContain('npx');
  });

  test.each([
    ['another region', '"AWS_REGION"', 'us-east-1', /previews of OWNER\/NAME are in us-east-1 of the account 123456789012,/],
    ['another account', '"AWS_DEPLOY_ROLE_ARN"', 'arn:aws:iam::210987654321:role/x', /previews of OWNER\/NAME are in eu-central-1 of the account 210987654321,/],
  ])('sets no variable where the former ones lead to %s, whose previews nothing would find any more', (_name, variable, value, says) => {
    const gh = github(`*actions/variables*'${variable}'*) echo ${value} ;;`);
    const aws = ANSWERS.replace('of-', 'arn:aws:iam::123456789012:role/of-');
    const { calls, stderr } = run(['deploy', 'variables'], { aws, gh });
    expect(calls).not.toContain('gh variable set');
    expect(stderr).toMatch(says);
    const [place = ''] = /--moved-from \S+$/m.exec(stderr) ?? [];
    expect(place).toMatch(/^--moved-from [0-9]{12}\//);
    expect(run(['variables --moved-from 123456789012/eu-west-1'], { aws, gh }).calls).not.toContain('gh variable set');
    expect(run(['deploy', `variables ${place}`], { aws, gh }).calls).toContain('gh variable set AWS_REGION ');
  });

  test.each([
    ['there is none', 'true', true],
    ['they are the same', 'case "$*" in *AWS_REGION*) echo eu-central-1 ;; *) echo arn:aws:iam::123456789012:role/old ;; esac', true],
    ['GitHub does not say', `echo '{"status": "502"}'; echo 'gh: Bad Gateway (HTTP 502)' >&2; exit 1`, false],
  ])('sets the variables by what they were before: %s', (_name, variable, set) => {
    const gh = github(`*actions/variables*) ${variable} ;;`);
    expect(run(['deploy', 'variables'], { aws: ANSWERS.replace('of-', 'arn:aws:iam::123456789012:role/of-'), gh }).calls.includes('gh variable set')).toBe(set);
  });

  const forkSetting = (answer: string, visibility = 'private') =>
    github(`*actions/permissions/fork-pr-workflows-private-repos*send_write_tokens_to_workflows*) ${answer} ;; *visibility*) echo ${visibility} ;;`);
  test.each(['private', 'internal'])("sets no variable while GitHub sends write tokens to forks' workflows of a %s repository, which would get the roles by them", (visibility) => {
    const { calls, stderr } = run(['deploy', 'variables'], { aws: ANSWERS, gh: forkSetting('echo true', visibility) });
    expect(calls).not.toMatch(/gh (variable set|workflow)/);
    expect(stderr).toMatch(/Send write tokens to workflows from pull requests.*no variable is set/);
    // What forks get is said where one reads what protects from them, too.
    for (const page of [PAGE, readFileSync(join(REPOSITORY_ROOT, 'SECURITY.md'), 'utf8')]) {
      expect(page.replaceAll(/^```[^]*?^```$/gm, '')).toContain('*Send write tokens to workflows from pull requests*');
    }
  });

  test.each([
    ['it does not', forkSetting('echo false')],
    ['the repository is public, which has no such setting', forkSetting(`echo '{"status":"404"}'; echo 'gh: Not Found (HTTP 404)' >&2; exit 1`, 'public')],
  ])('sets the variables where %s', (_name, gh) => {
    const { calls, stderr } = run(['deploy', 'variables'], { aws: ANSWERS, gh });
    expect(calls).toContain('gh variable set AWS_DEPLOY_ROLE_ARN ');
    expect(stderr).toBe('');
  });

  test.each(['echo null', `echo '{"status":"403"}'; echo 'gh: Must have admin rights (HTTP 403)' >&2; exit 1`, 'echo "HTTP 502" >&2; exit 1', 'true'])(
    'sets no variable where GitHub does not say whether it does: %s', (answer) => {
      const { calls, stderr } = run(['deploy', 'variables'], { aws: ANSWERS, gh: forkSetting(answer) });
      expect(calls).not.toMatch(/gh (variable set|workflow)/);
      expect(stderr).toMatch(/GitHub does not say whether OWNER\/NAME has the setting.*no variable is set.*administers/);
    },
  );

  /** What GitHub answers that has these variables already. */
  const having = (values: Record<string, string>) =>
    github(`*'.variables[].name'*) printf '%s\\n' ${Object.keys(values).join(' ')} ;; ${Object.entries(values).map(([name, value]) => `*actions/variables*'"${name}"'*) echo ${value} ;; `).join('')}`);
  test.each([
    ['of a former account or region, where it is set', 'AWS_HEADERS_POLICY_ID', '01234567-former', 'of-HeadersPolicyId'],
    ['that is not the default, where the bootstrap is the default one now', 'AWS_BOOTSTRAP_QUALIFIER', 'previews', 'hnb659fds'],
  ])('replaces the value %s: %s', (_name, name, former, now) => {
    const set = (gh: string) => run(['deploy --moved-from 123456789012/us-east-1', 'variables --moved-from 123456789012/us-east-1'], { aws: ANSWERS, gh }).calls;
    expect(set(having({ [name]: former }))).toContain(`gh variable set ${name} --repo OWNER/NAME --body ${now} \n`);
    expect(set(having({}))).not.toContain(`gh variable set ${name} `);
    // What GitHub answers with an error is neither a value nor that there is none.
    expect(set(github(`*'.variables[].name'*) echo '{"status": "502"}'; exit 1 ;;`))).not.toContain('gh variable set ');
  });

  test('enables the workflows of schedules, which are disabled in a fork', () => {
    const { calls } = run(['deploy', 'variables'], { aws: ANSWERS });
    const workflows = join(REPOSITORY_ROOT, '.github', 'workflows');
    const scheduled = readdirSync(workflows).filter((name) => readFileSync(join(workflows, name), 'utf8').includes('  schedule:\n')).sort();
    expect(scheduled.length).toBeGreaterThan(1);
    expect([...calls.matchAll(/^gh workflow enable (\S+) --repo OWNER\/NAME $/gm)].map(([, name]) => name).sort()).toEqual(scheduled);
  });

  test('leaves a workflow disabled that was disabled by hand', () => {
    const { calls, stderr } = run(['deploy', 'variables'], { aws: ANSWERS, gh: github('*actions/workflows/chaos.yml*) echo disabled_manually ;; *actions/workflows/*) echo disabled_fork ;;') });
    expect(calls).toContain('gh workflow enable sweep.yml ');
    expect(calls).not.toContain('gh workflow enable chaos.yml ');
    expect(stderr).toContain('chaos.yml stays disabled');
  });

  test.each([
    ['the toolkit alone is changed, to a name that is free', '--toolkit CDKToolkit-previews', 'CDKToolkit', 'hnb659fds'],
    ['the bootstrap has a name of its own', '--toolkit CDKToolkit', 'Org-Bootstrap', 'hnb659fds'],
    ['the qualifier alone is changed', '--qualifier previews', 'CDKToolkit', 'hnb659fds'],
  ])("does nothing where previews would share another bootstrap's bucket, or take its place, since %s", (_name, set, name, qualifier) => {
    for (const policies of ['arn:aws:iam::aws:policy/AdministratorAccess', 'arn:aws:iam::123456789012:policy/PreviewAccount-A']) {
      const { calls, stderr } = run([`deploy ${set}`], { aws: bootstrapped(policies, name, qualifier) });
      expect(calls).not.toContain('npx');
      expect(stderr).toContain(`${name} is a bootstrap with the qualifier ${qualifier},`);
      expect(stderr).toContain('--qualifier previews --toolkit CDKToolkit-previews');
    }
  });

  test.each([
    ['that failed', "''"],
    ["that is an administrator's", 'arn:aws:iam::aws:policy/AdministratorAccess'],
    ['without policies', 'None'],
    ['that was rolled back', 'arn:aws:iam::123456789012:policy/PreviewAccount-A', 'ROLLBACK_COMPLETE'],
  ])('sets no variable for a bootstrap %s', (_name, policies, state = 'UPDATE_COMPLETE') => {
    const aws = bootstrapped(policies, 'CDKToolkit', 'hnb659fds', state);
    const { calls, stderr } = run(['deploy --claim CDKToolkit', 'variables'], { aws, bootstrap: 'true' });
    expect(calls).not.toMatch(/gh (variable set|workflow)/);
    expect(stderr).toContain('No bootstrap with the qualifier hnb659fds has the policies of previews');
  });

  test('is all that one has to paste, as one command each, which no shell expands', () => {
    expect(blocks.map((block) => block.replaceAll(/ \\\n\s*/g, ' ')).filter((block) => block.includes('\n'))).toEqual([]);
    for (const command of ['deploy', 'variables']) {
      expect(blocks.filter((block) => block.startsWith(`bin/account.sh ${command} `))).toHaveLength(1);
    }
    for (const block of blocks) {
      expect(block).not.toMatch(/[!*?$`~#]/);
    }
  });

  test('bootstraps again what an earlier version of this project bootstrapped, where that is said', () => {
    const aws = bootstrapped('arn:aws:iam::aws:policy/AdministratorAccess');
    expect(run(['deploy'], { aws }).stderr).toContain('--claim CDKToolkit');
    expect(run(['deploy --claim CDKToolkit'], { aws }).calls).toMatch(/^npx --no-install cdk bootstrap .*--toolkit-stack-name CDKToolkit /m);
    expect(run(['deploy --claim Other'], { aws }).calls).not.toContain('npx');
  });

  test('says from how many previews on they have to share their headers', () => {
    const policies = (...path: string[]) => readFileSync(join(REPOSITORY_ROOT, 'stack', 'template', ...path), 'utf8').match(/"AWS::CloudFront::ResponseHeadersPolicy"/g)?.length ?? 0;
    const [preview, account] = [policies('Stack-PR123.template.json'), policies('account', 'PreviewAccount.template.json')];
    // An account may have 20: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
    const fit = Math.floor((20 - account) / preview) - 1;
    const statements = ['docs/aws.md', 'stack/README.md'].flatMap((page) => [...readFileSync(join(REPOSITORY_ROOT, page), 'utf8').matchAll(/more than (\d+) previews/g)]);
    expect(statements.map(([, number]) => Number(number))).toEqual([fit, fit, fit]);
  });

  test('names the programs that it takes, and the Node that the stack takes', () => {
    const { engines } = JSON.parse(readFileSync(join(REPOSITORY_ROOT, 'stack', 'package.json'), 'utf8')) as { engines: { node: string } };
    const [before = ''] = section.split('```sh aws');
    for (const program of ['git', `Node ${engines.node.replace('>=', '')}`, 'AWS CLI', "GitHub's CLI", 'clone']) {
      expect(before).toContain(program);
    }
  });

  test('says how a first deployment that failed is replaced, which its protection keeps CDK from', () => {
    expect(allBlocks).toContainEqual('aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name PreviewAccount --region eu-central-1');
  });

  /** An account whose PreviewAccount has these roles of deployment. */
  const qualifiedAs = (role: string, qualifier = 'previews') =>
    `case "$*" in *describe-stack-resources*"'-deployment-eu-central-1')"*) ${role} ;; *"=='PreviewAccount'].StackName"*) echo PreviewAccount ;; *"OutputKey=='Qualifier'"*) echo ${qualifier}; exit ;; esac\n${ANSWERS}`;
  test.each([
    ['hnb659fds', 'previews', '--qualifier previews'],
    ['previews', 'hnb659fds', '--qualifier hnb659fds'],
    ['previews', 'a-b', '--qualifier a-b'],
  ])('does nothing with the qualifier %s where the account is for %s, before it is said that no preview is left', (now, former, says) => {
    const own = `deploy --qualifier ${now}`;
    const aws = qualifiedAs(`echo ${deploymentNames(former, 'eu-central-1').deployment}`);
    const { calls, stderr } = run([own], { aws });
    expect(calls).not.toContain('npx');
    expect(stderr).toContain(`PreviewAccount is for the qualifier ${former},`);
    expect(stderr).toContain(says);
    expect(run([`${own} --requalify`], { aws }).calls).toMatch(/^npx --no-install cdk deploy /m);
    expect(run([`deploy ${says}`], { aws }).calls).toMatch(/^npx --no-install cdk deploy /m);
  });

  test.each([['has no such role, as an older one', 'true', true], ['is not told', 'echo AccessDenied >&2; exit 254', false]])('with a qualifier, where PreviewAccount %s', (_name, role, deploys) => {
    expect(run(['deploy'], { aws: qualifiedAs(role) }).calls.includes('npx --no-install cdk deploy')).toBe(deploys);
  });

  test('asks for the name of no resource that has none, which no resource has that could not be made', () => {
    const { calls } = run(['deploy'], { aws: qualifiedAs('true') });
    const queries = [...calls.matchAll(/describe-stack-resources .*--query (.*) $/gm)].map(([, query = '']) => query);
    expect(queries.length).toBeGreaterThan(0);
    // JMESPath's functions take no null: https://jmespath.org/specification.html#starts-with
    for (const query of queries) {
      expect(query).not.toMatch(/(?:starts_with|ends_with|contains)\((?!not_null\()/);
    }
  });

  test('sets the qualifier of the account, whatever the shell has for one, and no variable where the account has none', () => {
    const set = (aws: string, own = '') => run([`deploy ${own}`.trim(), 'variables'], { aws }).calls.match(/^gh variable set .*$/gm) ?? [];
    expect(set(qualifiedAs('true'), '--qualifier previews --toolkit CDKToolkit-previews')).toContainEqual('gh variable set AWS_BOOTSTRAP_QUALIFIER --repo OWNER/NAME --body previews ');
    expect(set(qualifiedAs('true', 'hnb659fds')).join()).not.toContain('AWS_BOOTSTRAP_QUALIFIER');
    expect(set(qualifiedAs('true', 'None'))).toEqual([]);
  });

  test('sets each variable to its output, and none to nothing', () => {
    const { calls } = run(['deploy', 'variables'], { aws: ANSWERS });
    const set = [...calls.matchAll(/^gh variable set (\S+) .*--body (\S*) $/gm)].map(([, name, value]) => [name, value]);
    expect(set).toEqual([
      ['AWS_REGION', 'eu-central-1'],
      ['AWS_DEPLOY_ROLE_ARN', 'of-DeployRoleArn'],
      ['AWS_TEARDOWN_ROLE_ARN', 'of-TeardownRoleArn'],
      ['AWS_VERIFY_ROLE_ARN', 'of-VerifyRoleArn'],
      ['AWS_BOUNDARY_POLICY_ARN', 'of-BoundaryPolicyArn'],
    ]);
    // Hours of job time a night are asked for.
    expect(run(['deploy', 'variables --chaos'], { aws: ANSWERS }).calls).toContain('gh variable set AWS_CHAOS_ROLE_ARN --repo OWNER/NAME --body of-ChaosRoleArn ');
    // None is what the AWS CLI prints of a stack that has no outputs at all.
    for (const aws of ['echo', 'case "$*" in *"Stacks[0]"*) echo None ;; esac']) {
      const { calls: none, stderr } = run(['deploy', 'variables'], { aws });
      expect(none).not.toMatch(/gh (variable set|workflow)/);
      expect(stderr).toMatch(/PreviewAccount (?:has no output ExecutionPolicyArn|in eu-central-1 is)/);
      const before = github(`*actions/variables*'"AWS_DEPLOY_ROLE_ARN"'*) echo arn:aws:iam::123456789012:role/old ;; *actions/variables*'"AWS_REGION"'*) echo eu-central-1 ;;`);
      const again = run(['deploy --moved-from 123456789012/us-east-1', 'variables --moved-from 123456789012/us-east-1'], { aws, gh: before });
      expect(again.calls).not.toMatch(/gh (variable set|workflow)/);
      expect(again.stderr).not.toContain('previews of OWNER/NAME are in');
    }
  });

  test('sets the variables where the former ones are the text None, which is no account', () => {
    const gh = github(`*actions/variables*'"AWS_DEPLOY_ROLE_ARN"'*) echo None ;; *actions/variables*'"AWS_REGION"'*) echo eu-central-1 ;;`);
    const { calls } = run(['deploy', 'variables'], { aws: ANSWERS.replace('of-', 'arn:aws:iam::123456789012:role/of-'), gh });
    expect(calls).toContain('gh variable set AWS_DEPLOY_ROLE_ARN ');
  });
});
