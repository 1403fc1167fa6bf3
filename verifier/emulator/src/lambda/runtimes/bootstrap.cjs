// What stands between Lambda's Runtime API and a handler in Node.js. It does as AWS's own runtimes do: how a handler is
// found, what it is given, what its errors look like, and how its lines are logged.
//
// Sources: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html, nodejs-context.html, nodejs-exceptions.html and
// nodejs-logging.html beside it; https://github.com/aws/aws-lambda-nodejs-runtime-interface-client.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const util = require('node:util');
const { pathToFileURL } = require('node:url');

const { request: send } = http;
const exit = process.exit.bind(process);
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const inJson = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
// The version that the function asks for, which need not be the one that runs it.
const version = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV || '')?.[1] || 0);

/** The invocation in hand: its id, and what its process' end is reported to. */
let invocation;
/** What is done when nothing is left to do. */
let whenIdle;

function call(method, where, headers, body) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const options = { agent, host, port, method, path: `/2018-06-01/runtime/${where}`, headers: { ...headers, ...length } };
    const request = send(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

// Errors.

/** An error with one of Lambda's own names. */
function runtimeError(name, cause) {
  const error = new Error(cause);
  error.name = `Runtime.${name}`;
  error.stack = `${error.name}: ${error.message}\n${error.stack.split('\n').slice(1).join('\n')}`;
  return error;
}

function looksLikeError(value) {
  const isText = (name) => typeof value?.[name] === 'string' && value[name] !== '';
  return util.types.isNativeError(value) || (isText('name') && isText('message') && isText('stack'));
}

/** An error as Lambda answers with it. */
function asAnswer(error) {
  try {
    return looksLikeError(error)
      ? { errorType: error.name, errorMessage: error.message, trace: error.stack.split('\n') }
      : { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    const errorMessage =
      'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack';
    return { errorType: 'handled', errorMessage };
  }
}

/** An error as it is logged in text: all that it has, in JSON. */
function asLogged(error) {
  const whole = (_, value) =>
    value instanceof Error
      ? {
          errorType: value.name,
          errorMessage: value.message,
          code: value.code,
          ...value,
          ...(typeof value.stack === 'string' && { stack: value.stack.split('\n') }),
        }
      : value;
  try {
    return `\t${JSON.stringify(error, whole)}`;
  } catch {
    return `\t${JSON.stringify(asAnswer(error))}`;
  }
}

// Lines of the log.

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

function inText(level, ...parts) {
  return `${new Date().toISOString()}\t${invocation?.id}\t${level}\t${util.format(...parts)}`;
}

function errorFields(error) {
  return {
    errorType: error.constructor?.name ?? 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
  };
}

function asJson(level, ...parts) {
  const line = { timestamp: new Date().toISOString(), level, requestId: invocation?.id };
  const [only] = parts;
  if (parts.length === 1) {
    const whole = (_, value) => (value instanceof Error ? { ...errorFields(value), ...value } : value);
    try {
      return JSON.stringify({ ...line, message: only }, whole);
    } catch {
      // It refers to itself, or holds what JSON has not.
    }
  }
  const error = parts.length === 1 ? undefined : parts.find((part) => part instanceof Error);
  return JSON.stringify({ ...line, message: util.format(...parts), ...(error && errorFields(error)) });
}

function patchConsole() {
  const least = Math.max(0, LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL || 'TRACE').toUpperCase()));
  const log = (level) => {
    if (LEVELS.indexOf(level) < least) return () => {};
    // One line is one event, and what it breaks at is kept in it.
    return (...parts) => process.stdout.write(`${(inJson ? asJson : inText)(level, ...parts).replaceAll('\n', '\r')}\n`);
  };
  for (const level of LEVELS) console[level.toLowerCase()] = log(level);
  console.log = console.info;
}

function logError(title, error) {
  const whole = error instanceof Error ? error : new Error(error);
  if (inJson) console.error(whole);
  else console.error(title, asLogged(whole));
}

// The handler.

function isOfModules(folder) {
  if (path.basename(folder) === 'node_modules') return false;
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))?.type === 'module';
  } catch (error) {
    // One that cannot be read says nothing, and none says that the folder above decides.
    const above = path.dirname(folder);
    return error.code === 'ENOENT' && above !== folder && isOfModules(above);
  }
}

async function loadModule(root, folder, name) {
  const file = path.resolve(root, folder, name);
  const imported = async (extension) =>
    fs.existsSync(file + extension) ? import(pathToFileURL(file + extension).href) : undefined;
  const required = (extension) => (fs.existsSync(file + extension) ? require(file + extension) : undefined);
  if (fs.existsSync(file) && fs.statSync(file).isFile()) return require(file);
  const asModule = fs.existsSync(`${file}.js`) && isOfModules(path.dirname(file));
  const found =
    (asModule ? await imported('.js') : required('.js')) || (await imported('.mjs')) || required('.cjs');
  return found || require(require.resolve(`./${name}`, { paths: [path.resolve(root, folder)] }));
}

async function loadHandler(root, handler) {
  if (handler.includes('..')) {
    const why = 'is not a valid handler name. Use absolute paths when specifying root directories in handler names.';
    throw runtimeError('MalformedHandlerName', `'${handler}' ${why}`);
  }
  const last = path.basename(handler);
  const parts = /^([^.]*)\.(.*)$/.exec(last);
  if (!parts) throw runtimeError('MalformedHandlerName', 'Bad handler');
  const [, name, names] = parts;
  let found;
  try {
    found = await loadModule(root, handler.slice(0, handler.indexOf(last)), name);
  } catch (error) {
    if (error instanceof SyntaxError) throw runtimeError('UserCodeSyntaxError', error);
    if (error?.code === 'MODULE_NOT_FOUND') throw runtimeError('ImportModuleError', error);
    throw error;
  }
  const exported = names.split('.').reduce((value, key) => value && value[key], found);
  if (!exported) throw runtimeError('HandlerNotFound', `${handler} is undefined or not exported`);
  if (typeof exported !== 'function') throw runtimeError('HandlerNotFound', `${handler} is not a function`);
  if (version >= 24 && exported.length > 2) {
    const why =
      'AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later.';
    throw runtimeError('CallbackHandlerDeprecated', `ERROR: ${why}`);
  }
  return exported;
}

// Invocations.

function parsed(text) {
  return text === undefined ? undefined : JSON.parse(text);
}

/** What ends an invocation: the first of them counts. */
class Ending {
  constructor(id) {
    this.id = id;
    this.isOver = false;
  }

  answer(value) {
    let body;
    try {
      body = JSON.stringify(value === undefined ? null : value);
    } catch {
      this.fail(new Error('Unable to stringify response body'));
      return;
    }
    // A function and a symbol have no JSON.
    this.end('response', {}, body === undefined ? 'null' : body);
  }

  fail(error) {
    if (this.isOver) return;
    logError('Invoke Error', error);
    const answer = asAnswer(error);
    this.end('error', { 'Lambda-Runtime-Function-Error-Type': headerText(answer.errorType) }, JSON.stringify(answer));
  }

  end(how, headers, body) {
    if (this.isOver) return;
    this.isOver = true;
    whenIdle = undefined;
    const type = { 'Content-Type': 'application/json' };
    call('POST', `invocation/${this.id}/${how}`, { ...type, ...headers }, body).then(next, lost);
  }
}

/** A header holds neither line breaks nor what is not Latin. */
function headerText(text) {
  return String(text).replace(/[^\x20-\x7e]/g, '?');
}

function contextOf(headers, ending, waits) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const context = {
    get callbackWaitsForEmptyEventLoop() {
      return waits.forIdle;
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waits.forIdle = value;
    },
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(headers['lambda-runtime-client-context']),
    identity: parsed(headers['lambda-runtime-cognito-identity']),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  if (version >= 24) return context;
  const done = (error, value) => (error == null ? ending.answer(value) : ending.fail(error));
  const fail = (error) => ending.fail(error ?? 'handled');
  return Object.defineProperties(context, Object.getOwnPropertyDescriptors({ done, fail, succeed: (value) => done(null, value) }));
}

function invoke(handler, { headers, body }) {
  const id = headers['lambda-runtime-aws-request-id'];
  const ending = new Ending(id);
  invocation = ending;
  process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
  const waits = { forIdle: true };
  let isCalledBack = false;
  const callback = (error, value) => {
    if (isCalledBack) return;
    isCalledBack = true;
    if (error != null) ending.fail(error);
    else if (waits.forIdle) whenIdle = () => setImmediate(() => ending.answer(value));
    else ending.answer(value);
  };
  // A handler that returns nothing and has nothing left to do has answered with nothing.
  whenIdle = () => ending.answer(null);
  try {
    const result = handler(JSON.parse(body), contextOf(headers, ending, waits), callback);
    if (typeof result?.then === 'function') {
      result.then((value) => ending.answer(value), (error) => ending.fail(error ?? 'handled'));
    }
  } catch (error) {
    callback(error ?? 'handled');
  }
}

let handle;

function next() {
  call('GET', 'invocation/next', {}).then((asked) => setImmediate(() => invoke(handle, asked)), lost);
}

/** The Runtime API is gone, and the environment with it. */
function lost() {
  exit(1);
}

/** Reports what ends the process, of the invocation in hand or of the start, and ends it. */
function die(title, error, status) {
  logError(title, error);
  if (invocation) invocation.isOver = true;
  const answer = asAnswer(error);
  const headers = { 'Content-Type': 'application/json', 'Lambda-Runtime-Function-Error-Type': headerText(answer.errorType) };
  const where = invocation ? `invocation/${invocation.id}/error` : 'init/error';
  const end = () => exit(status);
  call('POST', where, headers, JSON.stringify(answer)).then(end, end);
}

patchConsole();
process.on('beforeExit', () => {
  const idle = whenIdle;
  whenIdle = undefined;
  idle?.();
});
process.on('uncaughtException', (error) => die('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason, promise) => {
  const error = runtimeError('UnhandledPromiseRejection', reason);
  die('Unhandled Promise Rejection', Object.assign(error, { reason, promise }), 128);
});
loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER).then(
  (handler) => {
    handle = handler;
    next();
  },
  (error) => die('Uncaught Exception', error, 129),
);
